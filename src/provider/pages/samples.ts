/** One of every page in every state: the rehearsal at start draws them all, and so do the tests. */
import { CLAIM_SAMPLES } from './claim-samples.ts';
import type { ErrorKind, LoginProblem, Page } from './page.ts';

const login = { page: 'login', action: '/login/sample', formToken: 'sample' } as const;
const code = { page: 'code', action: '/login/sample', formToken: 'sample', step: 'sample' } as const;

const recovery = { ...code, page: 'recovery' } as const;
const passkey = {
  ...code,
  page: 'passkey',
  options: '{"challenge":"c2FtcGxl","rpId":"localhost","allowCredentials":[]}',
} as const;

const LOGIN_PROBLEMS: readonly LoginProblem[] = [
  'wrong',
  'throttled',
  'locked',
  'legacy_down',
  'overloaded',
  'cookies',
  'expired',
  'factor_unusable',
];

const ERROR_KINDS: readonly ErrorKind[] = [
  'expired',
  'no_cookies',
  'legacy_down',
  'storage_down',
  'overloaded',
  'throttled',
  'locked',
  'client',
  'not_found',
  'internal',
];

export const SAMPLES: Readonly<Record<string, Page>> = {
  login: { ...login, clientName: 'Sample Shop', cancelHref: '/login/sample/abort' },
  'login-plain': login,
  'login-remember': { ...login, remember: 'offered' },
  'login-remembered': { ...login, remember: 'chosen', problem: 'wrong', username: 'erika' },
  ...Object.fromEntries(
    LOGIN_PROBLEMS.map((problem) => [
      `login-${problem}`,
      { ...login, username: 'erika@example.com', problem },
    ]),
  ),
  'login-throttled-wait': { ...login, username: 'erika', problem: 'throttled', retryAfterSeconds: 45 },
  'login-with': {
    ...login,
    clientName: 'Sample Shop',
    cancelHref: '/login/sample/abort',
    signInWith: [{ name: 'New Login', href: '/login/sample/with/new' }],
  },
  'login-with-two': {
    ...login,
    problem: 'wrong',
    username: 'erika',
    signInWith: [
      { name: 'New Login', href: '/login/sample/with/new' },
      { name: 'Sample Hub', href: '/login/sample/with/hub' },
    ],
  },
  username: { ...login, page: 'username', clientName: 'Sample Shop', cancelHref: '/login/sample/abort' },
  'username-plain': { ...login, page: 'username' },
  code: { ...code, cancelHref: '/login/sample/abort' },
  'code-wrong': { ...code, problem: 'wrong' },
  'code-throttled': { ...code, problem: 'throttled', retryAfterSeconds: 60 },
  'code-ways': { ...code, ways: ['passkey', 'recovery'] },
  recovery: { ...recovery, ways: ['totp'], cancelHref: '/login/sample/abort' },
  'recovery-wrong': { ...recovery, problem: 'wrong' },
  'recovery-throttled': { ...recovery, problem: 'throttled', retryAfterSeconds: 60 },
  passkey: { ...passkey, ways: ['totp', 'recovery'], cancelHref: '/login/sample/abort' },
  'passkey-alone': passkey,
  'passkey-wrong': { ...passkey, problem: 'wrong' },
  'passkey-throttled': { ...passkey, problem: 'throttled', retryAfterSeconds: 60 },
  'choose-account': {
    page: 'choose-account',
    action: '/login/sample',
    formToken: 'sample',
    name: 'Erika Mustermann',
    clientName: 'Sample Shop',
  },
  enter: {
    page: 'enter',
    action: '/legacy/sessions/enter?entry=sample',
    formToken: 'sample',
    name: 'Erika Mustermann',
    clientName: 'Sample Shop',
  },
  'signed-in': { page: 'signed-in', name: 'Erika Mustermann', clientName: 'Sample Shop' },
  'signed-in-plain': { page: 'signed-in', name: 'Erika Mustermann' },
  'confirm-logout': {
    page: 'confirm-logout',
    action: '/session/end/confirm',
    xsrf: 'sample',
    clientName: 'Sample Shop',
  },
  'logged-out': { page: 'logged-out' },
  'logged-out-told': {
    page: 'logged-out',
    told: [
      { name: 'Sample Shop', state: 'done' },
      { name: 'Sample Forum', state: 'under-way' },
      { name: 'Sample Wiki', state: 'later' },
      { name: 'Sample Archive', state: 'failed' },
    ],
  },
  moved: { page: 'moved', targetName: 'New Login', href: 'https://login.example.com/' },
  ...Object.fromEntries(
    ERROR_KINDS.map((kind) => [
      `error-${kind}`,
      { page: 'error', kind, backHref: '/', reference: 'K7PQ-2MXD' },
    ]),
  ),
  'error-expired-lost': { page: 'error', kind: 'expired' },
  'error-client-detail': {
    page: 'error',
    kind: 'client',
    reference: 'K7PQ-2MXD',
    detail: "redirect_uri did not match any of the client's registered redirect_uris",
  },
  ...CLAIM_SAMPLES,
  'form-post': {
    page: 'form-post',
    action: 'https://shop.example.com/callback',
    fields: { state: 'sample' },
  },
};
