-- A leaf is kept only of what came before its fact, is of a kind that expires, and is as old as a retention says that was in force and
-- whose days had passed (ADR 41). What cannot be told here, holds and whole streams, the plan has seen to.
drop trigger expired_leaf_is_said_by_a_fact;
create trigger expired_leaf_is_said_by_a_fact before insert on expired_leaf
when not exists (
    select 1 from event, event as fact, json_each(fact.body, '$.data.spans') as span
      where event.position = new.position and event.tenant_key = new.tenant_key
        and event.log_index = new.log_index and event.leaf_hash = new.leaf_hash
        and (json_extract(event.body, '$.streamKind') in ('session', 'command', 'camera', 'passage', 'audit')
          or json_extract(event.body, '$.type') in ('UserSignedIn', 'SignInFailed', 'UserSignedOut', 'AccessDenied'))
        and fact.position = new.applied_position and fact.position > new.position and fact.tenant_key = new.tenant_key
        and json_extract(fact.body, '$.type') = 'RetentionApplied'
        and new.log_index between json_extract(span.value, '$[0]') and json_extract(span.value, '$[1]')
        and unixepoch(json_extract(event.body, '$.at'), 'subsec') < unixepoch(json_extract(fact.body, '$.data.until'), 'subsec')
        and unixepoch(json_extract(fact.body, '$.data.until')) + json_extract(fact.body, '$.data.days') * 86400
          <= unixepoch(json_extract(fact.body, '$.recordedAt'))
        and json_extract(fact.body, '$.data.days') >= 30
        and json_extract(fact.body, '$.data.days') = (
          select json_extract(body, '$.data.days') from event as changed
            where changed.tenant_key = new.tenant_key and changed.position < fact.position
              and changed.type_key = (select key from ref where id = 'RetentionChanged')
              and json_extract(body, '$.type') = 'RetentionChanged'
            order by changed.position desc limit 1))
begin select raise(abort, 'no retention says so'); end;
