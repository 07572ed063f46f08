-- What a retention has removed: the leaf of each event stays, so that trees, proofs and checkpoints hold (ADR 28). An event leaves the
-- log only when its very leaf is kept here, and a leaf is kept here only when a fact of its tenant in the log says that it expired.
create table expired_leaf(
  tenant_key integer not null,
  position integer not null,
  log_index integer not null,
  leaf_hash blob not null,
  applied_position integer not null,
  primary key (tenant_key, position)
) without rowid;

create trigger expired_leaf_is_said_by_a_fact before insert on expired_leaf
when not exists (
    select 1 from event where position = new.position and tenant_key = new.tenant_key
      and log_index = new.log_index and leaf_hash = new.leaf_hash)
  or not exists (
    select 1 from event as fact, json_each(fact.body, '$.data.spans') as span
      where fact.position = new.applied_position and fact.tenant_key = new.tenant_key
        and fact.type = 'RetentionApplied'
        and new.log_index between json_extract(span.value, '$[0]') and json_extract(span.value, '$[1]'))
begin select raise(abort, 'no retention says so'); end;
create trigger expired_leaf_is_never_changed before update on expired_leaf begin select raise(abort, 'append only'); end;
create trigger expired_leaf_is_never_removed before delete on expired_leaf begin select raise(abort, 'append only'); end;

drop trigger event_is_never_removed;
create trigger event_is_never_removed before delete on event
when old.type = 'RetentionApplied' or not exists (
    select 1 from expired_leaf where tenant_key = old.tenant_key and position = old.position
      and log_index = old.log_index and leaf_hash = old.leaf_hash)
begin select raise(abort, 'append only'); end;
