-- Events are written into answers as JSON by the server: what stands in these columns needs no escaping, and every kind
-- and method is one that the schema knows.
ALTER TABLE events
    ADD CONSTRAINT events_kind CHECK (kind IN (
    'POSITION', 'EXPECTED', 'ACCEPTED', 'SCREENED', 'SORTED', 'LOADED', 'ARRIVED', 'TRANSFER_IN', 'AT_CLAIM',
    'DELIVERED', 'NOT_SEEN', 'OFFLOADED', 'LEFT_BEHIND', 'ON_HAND', 'DELAYED', 'LOCATED', 'RUSH_TAGGED',
    'FORWARDED', 'OUT_FOR_DELIVERY', 'DAMAGED', 'LOST', 'CLOSED')),
    ADD CONSTRAINT events_method CHECK (method IN ('LASER', 'RFID', 'MANUAL', 'MESSAGE')),
    ADD CONSTRAINT events_airport CHECK (airport ~ '^[A-Z0-9]*$'),
    ADD CONSTRAINT events_tag CHECK (tag ~ '^[0-9]*$');
