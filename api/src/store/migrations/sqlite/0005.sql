-- What agents have confirmed of their tenant's tree (ADR 23). Never changed, as little as what they confirm.
create table cosignature(
  tenant_key integer not null,
  agent_key integer not null,
  size integer not null,
  line text not null,
  note_key text not null,
  at text not null,
  primary key (tenant_key, agent_key, size)
) without rowid;

create trigger cosignature_is_never_changed before update on cosignature begin select raise(abort, 'append only'); end;
create trigger cosignature_is_never_removed before delete on cosignature begin select raise(abort, 'append only'); end;
