import "graphiql/setup-workers/vite";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./page.css";
import "./plan.css";
import { createRoot } from "react-dom/client";
import { Page } from "./page";

const root = document.getElementById("page");
if (root === null) {
  throw new Error("index.html has no element with the id page");
}
createRoot(root).render(<Page />);
