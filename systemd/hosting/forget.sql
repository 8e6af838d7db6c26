-- Drop whatever the current user has made in this database: tables are not all, MLflow has functions too.
-- What is granted to the user stays. All names are collected before the first drop, which may take others along.
SET client_min_messages = warning;
DO $$
DECLARE
    everything text[];
    statement text;
BEGIN
    -- Tables first: a sequence may be a part of one, and goes with it.
    SELECT array_agg(format('DROP %s IF EXISTS %s CASCADE', kind, name) ORDER BY place) INTO everything FROM (
        SELECT 1 AS place, 'TABLE' AS kind, oid::regclass::text AS name
            FROM pg_class WHERE relkind IN ('r', 'p') AND relowner = current_user::regrole
            AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
        UNION ALL
        SELECT 2, 'SEQUENCE', oid::regclass::text
            FROM pg_class WHERE relkind = 'S' AND relowner = current_user::regrole
            AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
        UNION ALL
        SELECT 3, 'ROUTINE', oid::regprocedure::text
            FROM pg_proc WHERE proowner = current_user::regrole
            AND pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
        UNION ALL
        SELECT 4, 'TYPE', oid::regtype::text
            FROM pg_type WHERE typtype IN ('e', 'd') AND typowner = current_user::regrole
            AND typnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
    ) AS ours;
    FOREACH statement IN ARRAY coalesce(everything, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
