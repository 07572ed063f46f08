-- Signed heads of each tenant's tree (STORE 3.4). What was signed once is never changed, and never contradicted.
create table checkpoint(
  tenant_key integer not null,
  size integer not null,
  root blob not null,
  note text not null,
  at text not null,
  primary key (tenant_key, size)
) without rowid;

create trigger checkpoint_is_never_changed before update on checkpoint begin select raise(abort, 'append only'); end;
create trigger checkpoint_is_never_removed before delete on checkpoint begin select raise(abort, 'append only'); end;
