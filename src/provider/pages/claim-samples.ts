/** One of every page of `claim-page.ts` in every state. */
import type { ClaimProblem, ClaimProblemPage, Identity, Page } from './page.ts';

const here: Identity = {
  system: 'Sample Shop',
  name: 'Erika Mustermann',
  username: 'erika',
  email: 'erika@example.com',
};
const there: Identity = {
  system: 'New Login',
  name: 'Erika M. Mustermann',
  email: 'e.mustermann@example.org',
};
const masked: Identity = { system: 'Sample Shop', name: 'Erika M•••', email: 'e•••a@example.com' };

const form = { action: '/claim', formToken: 'sample', targetName: 'New Login' } as const;
const claim = { ...form, page: 'claim', here: masked, needsLogin: false } as const;
const confirm = { ...form, page: 'claim-confirm', here, there, isEmailDifferent: true } as const;
const done = { ...form, page: 'claim-done', here, there, organizations: [] } as const;
const needed = { ...form, page: 'claim-needed', step: 'sample' } as const;
const unknown = {
  page: 'sign-in-unknown',
  action: '/claim',
  formToken: 'sample',
  there,
  backHref: '/login/sample',
} as const;

const ORGANIZATIONS = [
  { id: 'shop:17', name: 'Acme GmbH', state: 'open' },
  { id: 'shop:18', name: 'Mustermann & Töchter', state: 'linked' },
  { id: 'shop:19', name: 'Förderverein der Freunde des Stadtmuseums e. V.', state: 'open' },
] as const;
const acme = { here: 'Acme GmbH', there: 'ACME Germany' } as const;
const onward = { href: 'https://shop.example.com/', name: 'Sample Shop' } as const;

/** With the ways on that fit; how they are offered is for whoever shows the page to say. */
const PROBLEM_WAYS: Readonly<Record<ClaimProblem, ClaimProblemPage['ways']>> = {
  unknown: [],
  expired: [{ way: 'new-link' }, { way: 'sign-in', href: '/login' }],
  used: [{ way: 'sign-in', href: '/login' }],
  revoked: [{ way: 'new-link' }],
  purpose: [],
  linked: [{ way: 'continue', href: 'https://shop.example.com/' }],
  linked_elsewhere: [{ way: 'other-account' }],
  conflict: [{ way: 'other-account' }],
  held: [{ way: 'other-account' }, { way: 'retry' }],
  wrong_account: [{ way: 'log-out' }],
  cancelled: [{ way: 'retry' }, { way: 'other-account' }],
  refused: [{ way: 'retry' }, { way: 'other-account' }],
  target_down: [{ way: 'retry' }],
  lost: [{ way: 'retry' }],
  not_me: [],
  gone: [],
  owner_needed: [],
  person_first: [{ way: 'continue' }],
  not_decider: [{ way: 'other-account' }],
  organization_linked: [{ way: 'continue' }],
};

const problems = Object.entries(PROBLEM_WAYS).map(([name, ways]) => {
  const problem = name as ClaimProblem;
  return [
    `claim-problem-${problem}`,
    { ...form, page: 'claim-problem', problem, ways } satisfies Page,
  ] as const;
});

export const CLAIM_SAMPLES: Readonly<Record<string, Page>> = {
  claim,
  'claim-login': { ...claim, needsLogin: true },
  'claim-organization': { ...claim, here, organization: 'Acme GmbH' },
  'claim-organization-login': { ...claim, organization: 'Acme GmbH', needsLogin: true },
  'claim-there': { ...claim, here: { system: 'Sample Shop' }, there, needsLogin: true },
  'claim-both': { ...claim, here, there },
  'claim-confirm': confirm,
  'claim-confirm-same-email': {
    ...confirm,
    there: { ...there, email: 'erika@example.com' },
    isEmailDifferent: false,
  },
  'claim-confirm-sparse': {
    ...confirm,
    here: { system: 'Sample Shop', username: 'erika@example.com', email: 'erika@example.com' },
    there: { system: 'New Login' },
    isEmailDifferent: false,
  },
  'claim-confirm-organization': { ...confirm, organization: acme, isEmailDifferent: false },
  'claim-done': { ...done, continue: onward },
  'claim-done-plain': done,
  'claim-done-organization-open': { ...done, organizations: [ORGANIZATIONS[0]], continue: onward },
  'claim-done-organizations': { ...done, organizations: ORGANIZATIONS, continue: onward },
  'claim-done-organization': {
    ...done,
    organization: 'Mustermann & Töchter',
    organizations: [ORGANIZATIONS[1]],
    continue: onward,
  },
  ...Object.fromEntries(problems),
  'claim-problem-unknown-plain': {
    page: 'claim-problem',
    problem: 'unknown',
    action: '/claim',
    ways: [],
    contact: 'help@example.com',
  },
  'claim-problem-refused-plain': {
    page: 'claim-problem',
    problem: 'refused',
    action: '/claim',
    ways: [{ way: 'retry' }, { way: 'sign-in', href: '/login' }],
  },
  'claim-problem-used-contact': {
    ...form,
    page: 'claim-problem',
    problem: 'used',
    ways: [{ way: 'sign-in', href: '/login' }],
    contact: 'https://www.example.com/help',
  },
  'claim-problem-gone-contact': {
    ...form,
    page: 'claim-problem',
    problem: 'gone',
    ways: [],
    contact: '+49 30 123456',
  },
  'claim-sent': { page: 'claim-sent', targetName: 'New Login' },
  'claim-needed-soon': { ...needed, kind: 'soon', until: '2031-03-31' },
  'claim-needed-soon-mailed': { ...needed, kind: 'soon', mailedTo: 'e•••a@example.com' },
  'claim-needed-refused': { ...needed, kind: 'refused', until: '2031-03-31', mailedTo: 'e•••a@example.com' },
  'claim-needed-refused-plain': { ...needed, kind: 'refused' },
  'sign-in-unknown-claim': { ...unknown, kind: 'claim', contact: 'help@example.com' },
  'sign-in-unknown-tell': { ...unknown, kind: 'tell', contact: 'https://www.example.com/help' },
  'sign-in-unknown-plain': { ...unknown, kind: 'tell', there: { system: 'New Login' } },
};
