/**
 * The steps that put our scripts where ZITADEL's Login V1 runs them: Actions V1, which belong to an organization. They
 * are set at each organization that the settings name, or at that of the token.
 */
import type { Resource } from '../../resources.ts';
import type { Present, Step, Undoing } from '../../setup.ts';
import type { ActionScript } from '../actions-v1.ts';
import { actionsV1 } from '../actions-v1.ts';
import { searchAll } from '../pages.ts';
import type { Context } from './context.ts';
import { announce, differencesOf, forget, orGone, record, recordOf } from './context.ts';

/** `zitadel.action.v1.Action`; what is false or empty is left out. */
interface Action {
  readonly id: string;
  readonly name: string;
  readonly script?: string;
  readonly timeout?: string;
  readonly allowedToFail?: boolean;
}

interface Place {
  readonly script: ActionScript;
  readonly organization: string | undefined;
}

const nameOf = ({ script, organization }: Place) =>
  organization === undefined ? script.name : `${script.name}@${organization}`;
const at = (organization: string | undefined) => (organization === undefined ? {} : { organization });

export function scriptSteps(context: Context): Step[] {
  if (!context.target.setup.loginVersions.includes('v1')) return [];
  const scripts = actionsV1({ issuer: context.deps.issuer, target: context.target.name });
  return organizationsOf(context).flatMap((organization) =>
    scripts.flatMap((script) => [
      scriptStep(context, { script, organization }),
      triggerStep(context, { script, organization }),
    ]),
  );
}

/** Only the id of our identity provider makes it whole, which an earlier step may have to make. */
async function bodyOf(context: Context, { script: { name } }: Place) {
  const { target, deps } = context;
  const idp = await recordOf(context, { kind: 'idp', name: 'oidc' });
  const identityProvider = target.api?.identityProvider ?? idp?.remoteId;
  const known = identityProvider === undefined ? {} : { identityProvider };
  const scripts = actionsV1({ issuer: deps.issuer, target: target.name, ...known });
  const { script, timeoutSeconds, allowedToFail } = scripts.find((one) => one.name === name)!;
  return { name, script, timeout: `${timeoutSeconds}s`, allowedToFail };
}

function organizationsOf({ target }: Context): (string | undefined)[] {
  const { organization, organizations } = target.users;
  return [...new Set([organization, ...organizations.map((rule) => rule.organization)])];
}

function scriptStep(context: Context, place: Place): Step {
  const id = { kind: 'script' as const, name: nameOf(place) };
  const { organization } = place;
  return {
    id: `script:${id.name}`,
    what: `The script ${place.script.name} is an action of ${organization ?? 'the token’s organization'}.`,
    why: 'Login V1 calls no hook at a login, it only runs scripts. It knows no secret, and the login goes on when it fails.',
    needs: ['idp:oidc'],
    async look(): Promise<Present> {
      const action = await find(context, place);
      if (!action) return { state: 'missing' };
      const body = await bodyOf(context, place);
      const recorded = await recordOf(context, id);
      const differences = [
        // A script is too long to be shown.
        ...(action.script === body.script ? [] : ['the script is another']),
        ...differencesOf({ timeout: body.timeout, allowedToFail: body.allowedToFail }, { ...action }),
        ...(recorded?.remoteId === action.id ? [] : ['it is not recorded as ours']),
      ];
      return differences.length > 0 ? { state: 'differs', differences } : { state: 'same' };
    },
    async apply() {
      const action = await find(context, place);
      const recorded = await recordOf(context, id);
      const body = await bodyOf(context, place);
      if (action && !recorded && action.script !== body.script)
        throw new Error(`there is an action ${action.name} that is not ours: give it another name`);
      if (!action) {
        if (recorded?.remoteId) await forget(context, id);
        await announce(context, id);
        const made = await call<{ id: string }>(context, 'POST', '/actions', { organization, body });
        return record(context, { ...id, remoteId: made.id });
      }
      await record(context, { ...id, remoteId: action.id });
      const path = `/actions/${encodeURIComponent(action.id)}`;
      if (differencesOf(body, { ...action }).length > 0)
        await call(context, 'PUT', path, { organization, body });
    },
  };
}

function call<T>(
  { api }: Context,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  { organization, body }: { readonly organization: string | undefined; readonly body?: object },
): Promise<T> {
  return api.call<T>(method, `/management/v1${path}`, { ...at(organization), ...(body && { body }) });
}

async function find(context: Context, { script, organization }: Place): Promise<Action | undefined> {
  const queries = [{ actionNameQuery: { name: script.name, method: 'TEXT_QUERY_METHOD_EQUALS' } }];
  const found = await searchAll<Action>(context.api, '/management/v1/actions/_search', {
    body: { queries },
    ...at(organization),
  });
  return found.find(({ name }) => name === script.name);
}

interface Flow {
  readonly triggerActions?: readonly {
    readonly triggerType?: { readonly id?: string };
    readonly actions?: readonly Action[];
  }[];
}

async function triggered(context: Context, { script, organization }: Place): Promise<string[]> {
  const answer = await orGone(
    call<{ flow?: Flow }>(context, 'GET', `/flows/${script.flow}`, { organization }),
  );
  const trigger = answer?.flow?.triggerActions?.find(({ triggerType }) => triggerType?.id === script.trigger);
  return (trigger?.actions ?? []).map(({ id }) => id);
}

const setTrigger = (context: Context, { script, organization }: Place, actionIds: readonly string[]) =>
  call(context, 'POST', `/flows/${script.flow}/trigger/${script.trigger}`, {
    organization,
    body: { actionIds },
  });

function triggerStep(context: Context, place: Place): Step {
  const name = nameOf(place);
  const { script } = place;
  const ours = async () => (await recordOf(context, { kind: 'script', name }))?.remoteId;
  return {
    id: `trigger:${name}`,
    what: `The script ${script.name} runs ${script.trigger === '1' ? 'after a login at a provider' : 'after a user was made at such a login'}.`,
    why: 'An action without a trigger never runs. Those that are there already run as before, ours after them.',
    needs: [`script:${name}`],
    async look(): Promise<Present> {
      const [id, there] = [await ours(), await triggered(context, place)];
      return { state: id !== undefined && there.includes(id) ? 'same' : 'missing' };
    },
    async apply() {
      const id = await ours();
      if (id === undefined) throw new Error('there is no script yet');
      const others = (await triggered(context, place)).filter((other) => other !== id);
      const before = { organization: place.organization ?? null, flow: script.flow, trigger: script.trigger };
      await record(context, { kind: 'trigger', name, remoteId: id, before });
      await setTrigger(context, place, [...others, id]);
    },
  };
}

export function undoTrigger(context: Context, { name, remoteId, before }: Resource): Undoing {
  const { organization, flow, trigger } = before as { organization: string | null; flow: '1'; trigger: '1' };
  const place = { organization: organization ?? undefined, script: { flow, trigger } as ActionScript };
  return {
    id: `trigger:${name}`,
    what: `Our script no longer runs; others at the same place do.`,
    async undo() {
      const there = await triggered(context, place);
      if (!remoteId || !there.includes(remoteId)) return;
      await setTrigger(
        context,
        place,
        there.filter((id) => id !== remoteId),
      );
    },
  };
}

export function undoScript(context: Context, { name, remoteId }: Resource): Undoing {
  const [script = name, organization] = name.split('@');
  return {
    id: `script:${name}`,
    what: `The action ${script} is removed.`,
    async undo() {
      const id =
        remoteId ?? (await find(context, { script: { name: script } as ActionScript, organization }))?.id;
      if (id !== undefined)
        await orGone(call(context, 'DELETE', `/actions/${encodeURIComponent(id)}`, { organization }));
    },
  };
}
