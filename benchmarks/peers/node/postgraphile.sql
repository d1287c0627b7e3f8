-- Computed columns that PostGraphile needs beside the gateway's own tables, as its manual describes them. Each is one
-- statement that PostgreSQL inlines.

DROP SCHEMA IF EXISTS peers CASCADE;
CREATE SCHEMA peers;

CREATE FUNCTION peers.flights_designator(flight public.flights) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT flight.carrier || flight.number || flight.suffix
$$;

CREATE FUNCTION peers.bags_pir(bag public.bags) RETURNS SETOF public.pirs STABLE LANGUAGE sql ROWS 1 AS $$
    SELECT pirs.*
    FROM public.pir_bags JOIN public.pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = bag.airline_id
    WHERE pir_bags.bag_id = bag.id
    ORDER BY closed_at IS NOT NULL, opened_at DESC, pirs.id DESC
    LIMIT 1
$$;
