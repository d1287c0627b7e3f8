// PostGraphile 5 over the gateway's tables, as its makers recommend for production: no watching, no explanations, no
// GraphiQL, responses as text, prepared statements (its default), one pool.
import { createServer } from "node:http";
import { grafserv } from "grafserv/node";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { pgSmartTags } from "postgraphile/utils";

import { CONNECTIONS, DATABASE_URL, HOST, PORT, announce } from "./settings.mjs";

const INTROSPECTED = ["public", "peers"];

// Events are requested in the gateway's order; a column that begins no index can be ordered by only if it is tagged.
const inOrder = ["at", "rank"].map((column) => ({
  kind: "attribute",
  match: `public.events.${column}`,
  tags: { behavior: "+orderBy" },
}));

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [pgSmartTags(inOrder)],
  pgServices: [
    makePgService({
      connectionString: DATABASE_URL,
      schemas: INTROSPECTED,
      poolConfig: { max: CONNECTIONS, min: CONNECTIONS },
    }),
  ],
  schema: { defaultBehavior: "-insert -update -delete +list" },
  grafast: { explain: false },
  grafserv: { watch: false, graphiql: false, graphqlPath: "/graphql", outputDataAsString: true },
};

const serving = postgraphile(preset).createServ(grafserv);
const server = createServer();
await serving.addTo(server);
server.listen({ host: HOST, port: PORT }, announce);
