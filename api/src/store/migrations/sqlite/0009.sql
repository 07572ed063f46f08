-- Lists by a key and types look at the type in the index of the key (ADR 36): a row is read only to be shown. The type stands behind the
-- position, so that an index has one last page for each key, as before.
drop index event_installation;
drop index event_actor;
drop index event_device;
create index event_installation on event(tenant_key, installation_key, position, type_key) where installation_key is not null;
create index event_actor on event(tenant_key, actor_key, position, type_key);
create index event_device on event(tenant_key, device_key, position, type_key) where device_key is not null;
