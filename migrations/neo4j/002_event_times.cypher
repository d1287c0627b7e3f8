// Events of a place in a stretch of time, however long the graph remembers.
CREATE INDEX event_place_at IF NOT EXISTS FOR (e:Event) ON (e.airport, e.place, e.at);
