-- Messages may name airports that are not in the reference data: what follows from them keeps the code as written
-- (docs/DOMAIN.md#rule-13).
ALTER TABLE flights
    DROP CONSTRAINT flights_origin_fkey,
    DROP CONSTRAINT flights_destination_fkey;
ALTER TABLE pirs
    DROP CONSTRAINT pirs_origin_fkey,
    DROP CONSTRAINT pirs_destination_fkey,
    DROP CONSTRAINT pirs_fault_station_fkey;
COMMENT ON COLUMN flights.origin IS 'IATA code. Without a row in airports the airport is unknown: no name and no time zone.';
COMMENT ON COLUMN flights.destination IS 'As origin.';
