/** What a first visit opens, one tab each: the demo's story, from one bag to the whole product. */

/** Named by the demo's seeds: a bag that missed its connection MIA -> PTY -> GRU, its passenger, the missed flight. */
const STORY = {
  tag: "CM456782",
  surname: "GONZALEZ",
  flight: "CM758",
};

export const EXAMPLES: readonly string[] = [
  `# A bag's journey: planned against actual,
# who holds it now, and where custody was lost.
query BagJourney {
  bag(by: {tag: "${STORY.tag}"}) {
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
  `# Every bag planned on a flight:
# without a date, on the departure nearest to now.
query FlightBags {
  flight(by: {designator: "${STORY.flight}"}) {
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
  `# Whatever the passenger can tell:
# a tag, a locator (PNR), a surname, a file or a flight.
query Search {
  search(text: "${STORY.surname}", first: 10) {
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
  `# The work list: open files, the nearest legal deadline first,
# with the proposed reason for loss and what has left because of them.
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
  `# The bags that came on the same flight:
# where one is missing, look at its fellows.
query FellowBags {
  bag(by: {tag: "${STORY.tag}"}) {
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
  `# From Redis while it is warm, from Neo4j otherwise:
# run it twice and look at source and age.
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
  `# How the product is. Needs no sign-in.
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
