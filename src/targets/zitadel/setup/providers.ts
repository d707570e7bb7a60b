/** The steps that make us an identity provider of ZITADEL. */
import type { Resource } from '../../resources.ts';
import { keyOfResource } from '../../resources.ts';
import type { Present, Step, Undoing } from '../../setup.ts';
import { searchAll } from '../pages.ts';
import type { Context, Recorded } from './context.ts';
import { announce, forget, orGone, record, recordOf, scoped } from './context.ts';
import type { Provider, ProviderSpec } from './provider-specs.ts';
import { bodyOf, differencesAt, jwtSpec, oidcSpec } from './provider-specs.ts';

const specsOf = (context: Context) =>
  [oidcSpec(context), jwtSpec(context)].filter((spec) => spec !== undefined);

export function providerSteps(context: Context): Step[] {
  if (!context.deps.client) return [withoutClient(context)];
  return specsOf(context).map((spec) => providerStep(context, spec));
}

function withoutClient({ target }: Context): Step {
  const todo = `Add a client under provider.clients and name it in clientIds of the target ${target.name}.`;
  return {
    id: 'idp:oidc',
    what: 'Footbridge is an OpenID provider of ZITADEL.',
    why: 'ZITADEL’s login has to be a client of ours, and none of provider.clients belongs to this target.',
    look: async () => ({ state: 'by-hand', todo }),
    apply: async () => undefined,
  };
}

function providerStep(context: Context, spec: ProviderSpec): Step {
  const id = { kind: 'idp' as const, name: spec.name };
  return {
    id: `idp:${spec.name}`,
    what: spec.what,
    why: spec.why,
    async look(): Promise<Present> {
      const recorded = await recordOf(context, id);
      const provider = await find(context, spec, recorded);
      if (!provider) return { state: 'missing' };
      const differences = [
        ...differencesAt(spec, provider),
        ...(recorded?.remoteId === provider.id ? [] : [strangerOr(recorded)]),
        ...((await isUnseenSame(context, spec))
          ? []
          : ['what it knows of our client’s secret is not recorded']),
      ];
      return differences.length > 0 ? { state: 'differs', differences } : { state: 'same' };
    },
    async apply() {
      const recorded = await recordOf(context, id);
      const provider = await find(context, spec, recorded);
      await (provider ? change(context, spec, { provider, recorded }) : make(context, spec, recorded));
    },
  };
}

const strangerOr = (recorded: Recorded) =>
  recorded
    ? 'it was made by a run that was cut off'
    : 'it was made by somebody else: it will be used, and at teardown made again what it is now';

/** The recorded one; where none is recorded, one that can only mean us. */
async function find(context: Context, spec: ProviderSpec, recorded: Recorded): Promise<Provider | undefined> {
  const { call, base, isInstance, organization } = scoped(context);
  if (recorded?.remoteId) {
    const path = `/idps/templates/${encodeURIComponent(recorded.remoteId)}`;
    return (await orGone(call<{ idp: Provider }>('GET', path)))?.idp;
  }
  const body = { queries: isInstance ? [] : [{ ownerTypeQuery: { ownerType: 'IDP_OWNER_TYPE_ORG' } }] };
  const all = await searchAll<Provider>(context.api, `${base}/idps/templates/_search`, {
    body,
    ...(organization !== undefined && { organization }),
  });
  return all.find(spec.isOurs);
}

async function isUnseenSame({ deps, target }: Context, { name, unseen }: ProviderSpec): Promise<boolean> {
  if (!unseen) return true;
  const known = await keyOfResource(deps.db, deps.keyring, { target: target.name, kind: 'idp', name });
  return known !== undefined && deps.keyring.equal(known.reveal(), unseen.reveal());
}

async function make(context: Context, spec: ProviderSpec, recorded: Recorded): Promise<void> {
  const id = { kind: 'idp' as const, name: spec.name };
  if (recorded?.remoteId) await forget(context, id);
  await announce(context, id);
  const made = await scoped(context).call<{ id: string }>('POST', `/idps/${spec.path}`, spec.body);
  await record(context, { ...id, remoteId: made.id, key: spec.unseen });
}

async function change(
  context: Context,
  spec: ProviderSpec,
  { provider, recorded }: { readonly provider: Provider; readonly recorded: Recorded },
): Promise<void> {
  const id = { kind: 'idp' as const, name: spec.name };
  // Somebody else's is recorded with how it was, before it is changed; a secret only once it was sent.
  const before = recorded ? undefined : bodyOf(provider);
  await record(context, { ...id, remoteId: provider.id, before });
  const path = `/idps/${spec.path}/${encodeURIComponent(provider.id)}`;
  await scoped(context).call('PUT', path, spec.body);
  await record(context, { ...id, remoteId: provider.id, key: spec.unseen });
}

export function undoProvider(context: Context, resource: Resource): Undoing {
  const { call } = scoped(context);
  const path = resource.name === 'jwt' ? 'generic_jwt' : 'generic_oidc';
  const { before } = resource;
  return {
    id: `idp:${resource.name}`,
    what: before
      ? 'The provider that was there before us becomes again what it was, but for its client secret.'
      : `The provider ${resource.remoteId ?? 'that may have been made'} is removed, and with it the links of people to us.`,
    async undo() {
      const spec = specsOf(context).find(({ name }) => name === resource.name);
      const id = resource.remoteId ?? (spec && (await find(context, spec, undefined))?.id);
      if (id === undefined) return;
      const there = encodeURIComponent(id);
      if (before) await orGone(call('PUT', `/idps/${path}/${there}`, before));
      else await orGone(call('DELETE', `/idps/templates/${there}`));
    },
  };
}
