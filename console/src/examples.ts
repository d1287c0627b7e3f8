/** What a first visit opens, one tab each: the demo's story from one bag to the whole station. */

/** Named by the demo's seeds: a bag on its way MIA -> PTY -> GRU, its passenger's name, and the flight it leaves on. */
const STORY = {
  tag: "CM456781",
  name: "Pereira",
  flight: "CM758",
  date: "2026-11-23",
} as const;

export const EXAMPLES: readonly string[] = [
  `# A bag's journey: planned against actual,
# who holds it now, and where custody was lost.
query BagJourney {
  bag(tag: "${STORY.tag}") {
    id
    state
    passenger { name }
    journey {
      asOf
      legs { flight { designator date } from to status }
      scans { kind at place { id } heldBy { id } }
      custodian { id }
      gaps { point from to }
    }
  }
}
`,
  `# Every bag of one flight.
query FlightBags {
  flight(designator: "${STORY.flight}", date: "${STORY.date}") {
    id
    designator
    status
    bags(first: 50) {
      nodes { id state tags { number } passenger { name } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
`,
  `# Whatever the passenger can tell:
# a tag, a booking, a name, a PIR or a flight.
query Search {
  search(text: "${STORY.name}", first: 10) {
    nodes {
      __typename
      ... on Bag { id state }
      ... on Passenger { id name }
      ... on Pir { id reference }
      ... on Flight { id designator date }
    }
  }
}
`,
  `# Reports that nobody has closed yet, the oldest first.
query OpenPirs {
  pirs(open: true, first: 20) {
    nodes { id reference kind openedAt bag { id state } }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# Which bags came in on the same flight:
# where one is missing, look at its fellows.
query FellowBags {
  bag(tag: "${STORY.tag}") {
    id
    fellows(first: 20) {
      nodes { id state tags { number } }
    }
  }
}
`,
  `# From Redis while it is warm, from Neo4j otherwise:
# the answer tells its source and age.
query Routes {
  routes(from: "PTY", to: "GRU") {
    source
    ageSeconds
    nodes { carrier from { iata } to { iata } blockMinutes dailyFrequency }
  }
}
`,
  `# Needs no sign-in.
query Health {
  health {
    status
    version
    timestamp
    services { name healthy latencyMs }
  }
}
`,
];
