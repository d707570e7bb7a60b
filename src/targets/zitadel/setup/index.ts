/** Setting ourselves up at ZITADEL. */
import { FootbridgeError } from '../../../errors.ts';
import type { Resource } from '../../resources.ts';
import type { OpenSetup, Setup, Undoing } from '../../setup.ts';
import { openZitadelApi, ZitadelError } from '../api.ts';
import { actionTargetSteps, rotateHookKeys, undoActionTarget } from './action-targets.ts';
import { checksOf } from './checks/index.ts';
import type { Context } from './context.ts';
import { executionSteps, undoExecution } from './executions.ts';
import { hashProofs, undoProofUser } from './hash-proof.ts';
import { policySteps, undoPolicy } from './login-policy.ts';
import { providerSteps, undoProvider } from './providers.ts';
import { redirectUrisOf } from './redirect-uris.ts';
import { scriptSteps, undoScript, undoTrigger } from './scripts.ts';
import { tryLogin } from './test-login.ts';

export const openZitadelSetup: OpenSetup = (target, deps): Setup => {
  if (!target.api) throw new FootbridgeError('target_without_api', { detail: target.name });
  const context = { api: openZitadelApi(target.api), target, deps };
  return {
    steps: () => told(stepsOf(context)),
    undoing: (resource) => undoingOf(context, resource),
    checks: () => checksOf(context),
    rotateKeys: (options) => told(rotateHookKeys(context, options)),
    redirectUris: () => told(redirectUrisOf(context)),
    hashProofs: () => hashProofs(context),
    tryLogin: (login) => told(tryLogin(context, login)),
    close: () => context.api.close(),
  };
};

async function stepsOf(context: Context) {
  return [
    ...providerSteps(context),
    ...policySteps(context),
    ...actionTargetSteps(context),
    ...(await executionSteps(context)),
    ...scriptSteps(context),
  ];
}

const UNDO: Readonly<Record<Resource['kind'], (context: Context, resource: Resource) => Undoing>> = {
  idp: undoProvider,
  'login-policy': undoPolicy,
  'action-target': undoActionTarget,
  'encryption-key': (_context, { name }) => ({
    id: `encryption-key:${name}`,
    what: `The key that calls of our hook ${name} are encrypted to is forgotten here; it goes with what calls the hook.`,
    undo: async () => undefined,
  }),
  execution: undoExecution,
  script: undoScript,
  trigger: undoTrigger,
  'proof-user': undoProofUser,
};

const undoingOf = (context: Context, resource: Resource) => UNDO[resource.kind](context, resource);

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ZitadelError)) throw error;
    const code = error.isTemporary ? 'target_unavailable' : 'target_refused';
    throw new FootbridgeError(code, { detail: error.message, cause: error });
  }
}
