// Apollo Server 5 with data loaders, as its manual sets it up: standalone, the cache of documents on, introspection off.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import DataLoader from "dataloader";

import * as data from "./data.mjs";
import { HOST, PORT, announce } from "./settings.mjs";

// Loaders live as long as their request.
class Loaders {
  passengers = new DataLoader(data.passengers);
  flights = new DataLoader(data.flights);
  pirs = new DataLoader(data.pirs);
  scansByLast = new Map();

  scans(last) {
    if (!this.scansByLast.has(last)) {
      this.scansByLast.set(last, new DataLoader((ids) => data.scans(ids, last)));
    }
    return this.scansByLast.get(last);
  }
}

const resolvers = {
  ...data.scalars,
  ...data.lists,
  Bag: {
    passenger: (bag, _, loaders) => (bag.passengerId === null ? null : loaders.passengers.load(bag.passengerId)),
    flight: (bag, _, loaders) => (bag.flightId === null ? null : loaders.flights.load(bag.flightId)),
    scans: (bag, { last }, loaders) => loaders.scans(last).load(bag.id),
    pir: (bag, _, loaders) => loaders.pirs.load(bag.id),
  },
};

const server = new ApolloServer({ typeDefs: data.typeDefs, resolvers, introspection: false });
await startStandaloneServer(server, { context: async () => new Loaders(), listen: { host: HOST, port: PORT } });
announce();
