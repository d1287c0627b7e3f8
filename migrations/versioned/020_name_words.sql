-- A search by name finds any word of a surname, and names in either order (docs/DOMAIN.md#rule-18). The product writes
-- name_words. Rows of earlier versions have none: the index and the search compute them from the columns that these
-- rows have, so that no row is rewritten here, and rows that a running process of an earlier version still writes are
-- found as well.
CREATE FUNCTION name_key(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(regexp_replace(
    normalize(replace(replace(replace(replace(translate(upper(name), 'ØŁĐÐI', 'OLDDI'), 'ß', 'SS'), 'Æ', 'AE'), 'Œ', 'OE'),
                      'Þ', 'TH'), NFKD),
    '[^A-Z]', '', 'g'), '(?<=A)[AE]+|(?<=[OU])E+', '', 'g');

-- The key that the product stored is one of the words: it transliterates every script. The limits are the product's.
CREATE FUNCTION name_words_of(surname text, given_names text, search_name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((
    SELECT string_agg(kind || left(key, 60), ' ')::tsvector
    FROM (
        SELECT substr('sg', part, 1) AS kind, name_key(split_part(search_name, '/', part)) AS key
        FROM generate_series(1, 2) AS part
        UNION ALL
        SELECT kind, name_key(substr(name, start))
        FROM (VALUES ('s', left(surname, 200)), ('g', left(given_names, 200))) AS names(kind, name)
        CROSS JOIN generate_series(2, length(name)) AS start
        WHERE name ~ '[^[:alnum:]]' AND substr(name, start - 1, 1) ~ '[^[:alnum:]]'
    ) AS words
    WHERE key <> ''
), '');

ALTER TABLE passengers ADD COLUMN name_words tsvector;

-- A process of an earlier version that changes a name leaves the words of the name before.
CREATE FUNCTION forget_name_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_words := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER forget_name_words BEFORE UPDATE OF search_name ON passengers FOR EACH ROW
    WHEN (NEW.search_name <> OLD.search_name AND NEW.name_words = OLD.name_words)
    EXECUTE FUNCTION forget_name_words();

CREATE INDEX passengers_by_name_words ON passengers
    USING gin (coalesce(name_words, name_words_of(surname, given_names, search_name)));
COMMENT ON COLUMN passengers.name_words IS 'Surname (behind s) and given names (g) from each of their words on; null in rows of earlier versions.';
COMMENT ON COLUMN passengers.search_name IS 'Letters of SURNAME/GIVEN without blanks and accents: the order of found passengers.';
COMMENT ON COLUMN passengers.particle_free_name IS 'Unused since name_words; earlier versions search by it.';
