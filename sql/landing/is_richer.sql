-- Whether an arriving play (a) tells more of how it was heard than the same play that landed before (known): when it
-- began, or else more of its context. Of two contexts that tell as much, the one with the lower fingerprint counts, so
-- that the order of imports does not matter. A row of account data, which has no context, may be equal to one of the
-- extended history that gives no id: it tells less. Without a length it may be equal to a submitted one, which tells
-- its start.
SELECT coalesce(
    (SELECT (coalesce(nullif(a.elapsed_s, -1) + 1, -(a.elapsed_s IS NOT NULL)::integer),
             arriving_context.fields_given, known_context.fingerprint)
            > (coalesce(nullif(known.elapsed_s, -1) + 1, -(known.elapsed_s IS NOT NULL)::integer),
               known_context.fields_given, arriving_context.fingerprint)
     FROM play_contexts AS arriving_context, play_contexts AS known_context
     WHERE arriving_context.id = a.context_id AND known_context.id = known.context_id),
    (a.context_id IS NOT NULL, a.elapsed_s IS NOT NULL) > (known.context_id IS NOT NULL, known.elapsed_s IS NOT NULL))
