// mercurius 16 with graphql-jit from the second request of a document on, and its own loaders without their cache:
// no key is requested twice here, and making keys costs.
import Fastify from "fastify";
import mercurius from "mercurius";

import * as data from "./data.mjs";
import { HOST, PORT, announce } from "./settings.mjs";

const resolvers = {
  ...data.scalars,
  ...data.lists,
};

const loader = (load) => ({ loader: load, opts: { cache: false } });

// One field of one document has the same arguments for all its parents, but two aliases of it may differ.
const scans = async (requested) => {
  const found = new Map();
  for (const last of new Set(requested.map(({ params }) => params.last))) {
    const bags = requested.filter(({ params }) => params.last === last).map(({ obj }) => obj.id);
    const values = await data.scans(bags, last);
    bags.forEach((id, index) => found.set(`${last}/${id}`, values[index]));
  }
  return requested.map(({ obj, params }) => found.get(`${params.last}/${obj.id}`));
};

const loaders = {
  Bag: {
    passenger: loader((requested) => data.passengers(requested.map(({ obj }) => obj.passengerId))),
    flight: loader((requested) => data.flights(requested.map(({ obj }) => obj.flightId))),
    pir: loader((requested) => data.pirs(requested.map(({ obj }) => obj.id))),
    scans: loader(scans),
  },
};

const app = Fastify({ logger: false });
await app.register(mercurius, { schema: data.typeDefs, resolvers, loaders, jit: 1, graphiql: false });
await app.listen({ host: HOST, port: PORT });
announce();
