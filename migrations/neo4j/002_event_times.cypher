// Events of a place within a period, whatever the number of events in the graph.
CREATE INDEX event_place_at IF NOT EXISTS FOR (e:Event) ON (e.airport, e.place, e.at);
