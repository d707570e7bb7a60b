-- The JWT hand-over signs with a key of its own, so that nothing else we sign can be taken for such a token. A node of
-- an earlier version would take that key for one of the provider's: set provider.jwtIdp once all nodes are of this one.
alter table provider_keys drop constraint provider_keys_purpose_check;
alter table provider_keys add constraint provider_keys_purpose_check
  check (purpose in ('RS256', 'ES256', 'cookie', 'jwt-idp'));
