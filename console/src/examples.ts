/** Tabs of a first visit: the demo's scenario, from one bag to the whole product. */

/** Objects of the demo's seeds: a bag that missed its connection MIA -> PTY -> GRU, its passenger, the missed flight. */
const SCENARIO = {
  tag: "CM456782",
  surname: "GONZALEZ",
  flight: "CM758",
};

export const EXAMPLES: readonly string[] = [
  `# A bag's journey: planned against actual,
# its custodian, and where custody was lost.
query BagJourney {
  bag(by: {tag: "${SCENARIO.tag}"}) {
    printedTag
    state
    passenger { surname givenNames locator }
    journey {
      planned { flight { ...OfFlight } }
      flown { flight { ...OfFlight } }
      scans {
        kind
        localTime { time }
        airport
        place
        custodian { name }
      }
      custodian { name kind }
      gaps { kind airport lastCustodian { name } }
      source
      asOf
    }
  }
}

fragment OfFlight on Flight {
  designator
  departureDate
  origin
  destination
  status
}
`,
  `# Every bag planned on a flight.
# Without a date it is the departure nearest to now.
query FlightBags {
  flight(by: {designator: "${SCENARIO.flight}"}) {
    designator
    origin
    destination
    status
    departureLocal { scheduled estimated actual }
    bagCount
    bags(first: 50) {
      nodes {
        printedTag
        state
        airport
        place
        passenger { surname }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
`,
  `# Search by tag, locator (PNR), surname,
# PIR reference or flight.
query Search {
  search(text: "${SCENARIO.surname}", first: 10) {
    readAs
    found {
      __typename
      ... on Bag { printedTag state airport }
      ... on Passenger { surname givenNames locator bags { printedTag state } }
      ... on Flight { designator departureDate flightStatus: status }
      ... on Pir { reference kind status }
    }
  }
}
`,
  `# The work list: open PIRs, the nearest legal deadline first,
# with the proposed reason for loss and the effects.
query WorkList {
  pirs(statuses: [OPEN, SUSPENDED], orderBy: URGENCY, first: 20) {
    nodes {
      id
      reference
      kind
      dueAt
      openedAtLocal { time zone }
      passenger { surname locator }
      describedBags { seq state description brand }
      bags { printedTag state airport }
      proposal { reasonForLoss faultStation evidence { name value at } }
      effects { service action state reason mock }
      printable(language: ES)
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# Bags that came on the same flight as a missing bag.
query FellowBags {
  bag(by: {tag: "${SCENARIO.tag}"}) {
    printedTag
    state
    fellows(first: 20) {
      total
      flight { designator departureDate origin }
      bags { printedTag state airport place }
    }
  }
}
`,
  `# From Redis if the cache is warm, from Neo4j otherwise.
# Run it twice and compare source and age.
query Routes {
  routes(from: "PTY", to: "GRU") {
    source
    ageSeconds
    options {
      minutes
      legs { carrier origin destination blockMinutes dailyFrequency aircraft }
      transfers { airport minimumMinutes }
    }
  }
}
`,
  `# Service health. No authentication required.
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
