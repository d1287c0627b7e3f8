-- Titles are no part of a name, and a search compares the letters of a name alone (docs/DOMAIN.md#rule-18). The product
-- computes both keys; this computes them for the rows of before, whose names are written in Latin letters.
ALTER TABLE bookings
    DROP CONSTRAINT bookings_locator_check,
    ADD CONSTRAINT bookings_locator_check CHECK (locator ~ '^[A-Z0-9]{5,7}$');
ALTER TABLE passengers
    ADD COLUMN title              text NOT NULL DEFAULT '',
    ADD COLUMN particle_free_name text;
UPDATE passengers SET search_name = keys.surname || '/' || keys.given_names
FROM (
    SELECT id,
           regexp_replace(regexp_replace(normalize(upper(translate(surname, 'ØøŁłĐđıßÞþ', 'OoLlDdiSTt')), NFKD),
                                         '[^A-Z]', '', 'g'), '([AOU])E', '\1', 'g') AS surname,
           regexp_replace(regexp_replace(normalize(upper(translate(given_names, 'ØøŁłĐđıßÞþ', 'OoLlDdiSTt')), NFKD),
                                         '[^A-Z]', '', 'g'), '([AOU])E', '\1', 'g') AS given_names
    FROM passengers
) AS keys
WHERE keys.id = passengers.id AND search_name IS DISTINCT FROM keys.surname || '/' || keys.given_names;
UPDATE passengers
SET particle_free_name = regexp_replace(regexp_replace(normalize(upper(
        regexp_replace(surname, '^((d[aeiou]|d[ao]s|del|della|du|la|las|los|van|von|der|den|ter|ten|al|el)[ ''-]+)+', '', 'i')),
        NFKD), '[^A-Z]', '', 'g'), '([AOU])E', '\1', 'g') || substring(search_name FROM '/.*')
WHERE surname ~* '^(d[aeiou]|d[ao]s|del|della|du|la|las|los|van|von|der|den|ter|ten|al|el)[ ''-]+[^ ]';
CREATE INDEX passengers_by_particle_free_name ON passengers (airline_id, particle_free_name text_pattern_ops, id)
    WHERE particle_free_name IS NOT NULL;
COMMENT ON COLUMN passengers.search_name IS 'Letters of SURNAME/GIVEN without blanks and accents: the key of a search.';
COMMENT ON COLUMN passengers.particle_free_name IS 'Likewise from the first word of the surname that is no particle.';
