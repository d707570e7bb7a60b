/** The pages on which people link their own accounts, with as little on them as there can be. */
import type {
  ClaimConfirmPage,
  ClaimDonePage,
  ClaimNeededPage,
  ClaimPage,
  ClaimProblemPage,
  Identity,
  SignInUnknownPage,
} from '../../../src/provider/pages/page.ts';

export const form = { action: '/claim', formToken: 'token', targetName: 'Hub' } as const;
export const here: Identity = { system: 'Shop' };
export const there: Identity = { system: 'Hub' };
export const claim: ClaimPage = { ...form, page: 'claim', here, needsLogin: false };
export const confirm: ClaimConfirmPage = {
  ...form,
  page: 'claim-confirm',
  here,
  there,
  isEmailDifferent: false,
};
export const done: ClaimDonePage = { ...form, page: 'claim-done', here, there, organizations: [] };
export const problem: ClaimProblemPage = { ...form, page: 'claim-problem', problem: 'conflict', ways: [] };
export const needed: ClaimNeededPage = { ...form, page: 'claim-needed', kind: 'soon', step: 'sealed' };
export const unknown: SignInUnknownPage = {
  page: 'sign-in-unknown',
  kind: 'claim',
  action: '/claim',
  formToken: 'token',
  there,
  backHref: '/login/1',
};
