// Events of an airport in a stretch of time, however long the graph remembers.
CREATE INDEX event_airport_at IF NOT EXISTS FOR (e:Event) ON (e.airport, e.at);
