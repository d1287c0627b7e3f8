// The resolvers' access to PostgreSQL: prepared statements over one pool, and for each relation a function that takes
// many keys and gives as many values in their order.
import { readFileSync } from "node:fs";

import { GraphQLScalarType } from "graphql";
import pg from "pg";

import { CONNECTIONS, DATABASE_URL } from "./settings.mjs";

const AIRLINE_ID = 1;
const DESIGNATOR = /^([A-Z0-9]{2})(\d{1,4})([A-Z]?)$/;

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

export const typeDefs = read("schema.graphql");

const [, ...named] = read("../statements.sql").split(/^-- ([A-Z_]+)$/m);
const statements = Object.fromEntries(
  named.flatMap((name, index) => (index % 2 ? [] : [[name, { name, text: named[index + 1] }]])),
);

// Timestamps and dates stay text: a Date for each would cost more and lose microseconds. The server's zone is UTC.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => `${text.replace(" ", "T")}:00`);
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);

const pool = new pg.Pool({ connectionString: DATABASE_URL, min: CONNECTIONS, max: CONNECTIONS });

const rows = async (name, ...values) => (await pool.query({ ...statements[name], values: [AIRLINE_ID, ...values] })).rows;

const asIs = { serialize: (value) => value };

export const scalars = {
  Date: new GraphQLScalarType({ name: "Date", ...asIs }),
  DateTime: new GraphQLScalarType({ name: "DateTime", ...asIs }),
};

const bagByTag = async (tag) => (await rows("BAG_BY_TAG", tag))[0];

const newestBags = (first) => rows("BAGS_PAGE", first);

const bagsOfFlight = (flight, first) => rows("BAGS_OF_FLIGHT", flight.id, first);

const flightByDesignator = async (designator, day) => {
  const [, carrier, number, suffix] = DESIGNATOR.exec(designator);
  return (await rows("FLIGHT_BY_DESIGNATOR", carrier, Number(number), suffix, day))[0];
};

// Resolvers that need no loader.
export const lists = {
  Query: {
    bag: (_, { by }) => bagByTag(by.tag),
    bags: async (_, { first }) => ({ nodes: await newestBags(first) }),
    flight: (_, { by }) => flightByDesignator(by.departure.designator, by.departure.departureDate),
  },
  Flight: {
    bags: async (flight, { first }) => ({ nodes: await bagsOfFlight(flight, first) }),
  },
};

const one = (found, key, wanted) => {
  const values = new Map(found.map((row) => [row[key], row]));
  return wanted.map((id) => values.get(id) ?? null);
};

const many = (found, key, wanted) => {
  const values = new Map(wanted.map((id) => [id, []]));
  for (const row of found) {
    values.get(row[key]).push(row);
  }
  return wanted.map((id) => values.get(id));
};

const distinct = (ids) => [...new Set(ids.filter((id) => id !== null))];

export const passengers = async (ids) => one(await rows("PASSENGERS_BY_ID", distinct(ids)), "id", ids);

export const flights = async (ids) => one(await rows("FLIGHTS_BY_ID", distinct(ids)), "id", ids);

export const pirs = async (bagIds) => one(await rows("PIRS_OF_BAGS", distinct(bagIds)), "bagId", bagIds);

export const scans = async (bagIds, last) =>
  many(
    await (last === undefined
      ? rows("SCANS_OF_BAGS", distinct(bagIds))
      : rows("LAST_SCANS_OF_BAGS", distinct(bagIds), last)),
    "bagId",
    bagIds,
  );
