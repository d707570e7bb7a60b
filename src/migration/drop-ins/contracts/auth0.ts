/** What the scripts in example/auth0 call: an Auth0 database connection has no HTTP contract of its own. */
import { loginCheck } from '../login-check.ts';

export const auth0 = loginCheck('auth0', 'the scripts of an Auth0 database connection');
