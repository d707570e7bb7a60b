/** What people see: login, sign-up, which organization, and whether the app may. */
import { randomBytes } from 'node:crypto';
import type { Authorization, AuthorizationRequest } from './authorize.ts';
import { sendBack } from './authorize.ts';
import type { Bearer, Person } from './directory.ts';
import { MANAGING } from './directory.ts';
import type { Call, Reply } from './http.ts';
import { cookieOf, seeOther } from './http.ts';
import { chooserPage, consentPage, errorPage, loginPage, signUpPage } from './pages.ts';
import { allows } from './scopes.ts';
import type { HubWorld } from './world.ts';

/** Browsers send cookies to all ports of a host: no other server's has this name. */
const COOKIE = 'hub_session';

export type Sessions = Map<string, string>;

export function openBrowserRoutes(world: HubWorld, authorization: Authorization, sessions: Sessions) {
  const { directory } = world;

  const personOf = (call: Call): Person | undefined =>
    directory.people.get(sessions.get(cookieOf(call, COOKIE) ?? '') ?? '');
  const logIn = (request: AuthorizationRequest, person: Person): Reply => {
    const id = randomBytes(24).toString('base64url');
    sessions.set(id, person.id);
    request.loggedIn = person.id;
    const cookie = `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax`;
    return seeOther(`/continue?request=${request.id}`, { 'set-cookie': cookie });
  };
  const login = (request: AuthorizationRequest, problem?: string, email?: string) =>
    loginPage({
      request: request.id,
      email: email ?? request.hints.get('login') ?? '',
      canSignUp: request.canSignUp,
      ...(problem && { problem }),
    });

  const managed = (person: Person) =>
    directory.membershipsOf(person.id).filter(({ roles }) => roles.some((role) => MANAGING.includes(role)));

  /** Where it goes on; undefined where the person has to choose. */
  const bearerOf = (request: AuthorizationRequest, person: Person): Bearer | 'unpermitted' | undefined => {
    const { bearerType, bearerId } = request.wanted;
    if (bearerType === 'Person') return { type: 'Person', id: person.id };
    if (request.bearer || bearerId === undefined) return request.bearer;
    const isTheirs = managed(person).some(({ organizationId }) => organizationId === bearerId);
    return isTheirs ? { type: 'Organization', id: bearerId } : 'unpermitted';
  };

  const goOn = (request: AuthorizationRequest, person: Person): Reply => {
    const bearer = bearerOf(request, person);
    if (bearer === undefined) return seeOther(`/organizations/choose?request=${request.id}`);
    if (bearer === 'unpermitted')
      return sendBack(world, request, {
        error: 'invalid_scope',
        error_description: 'unpermitted_bearer_id',
      });
    request.bearer = bearer.type === 'Organization' ? bearer : undefined;
    const granted = directory.connection(request.app.clientId, bearer)?.scopes;
    const isGranted =
      granted && request.wanted.scopes.every((scope) => allows(granted, scope.slice(scope.indexOf('.') + 1)));
    // They said so before: nobody is asked twice.
    if (isGranted) return authorization.finish(request, person.id);
    return seeOther(`/consent?request=${request.id}`);
  };

  const consent = (request: AuthorizationRequest, person: Person): Reply => {
    const { bearer, app, wanted } = request;
    const organization = bearer && directory.organizations.get(bearer.id);
    return consentPage({
      request: request.id,
      app: app.name,
      person: `${fullName(person)}, ${person.email}`,
      bearer: organization?.name ?? fullName(person),
      scopes: wanted.scopes,
    });
  };

  const chooser = (request: AuthorizationRequest, person: Person): Reply =>
    chooserPage({
      request: request.id,
      organizations: managed(person).flatMap(
        ({ organizationId }) => directory.organizations.get(organizationId) ?? [],
      ),
      name: request.hints.get('organization[name]') ?? '',
      countryCode: request.hints.get('organization[country_code]') ?? '',
      kinds: request.hints.getAll('organization[kinds][]'),
    });

  const signUp = (request: AuthorizationRequest, { form }: Call): Reply => {
    const [firstName, name, email, password] = ['first_name', 'name', 'email', 'password'].map(
      (field) => form.get(field)?.trim() ?? '',
    ) as [string, string, string, string];
    const problem =
      email === '' || password === '' || name === ''
        ? 'Name, email and password can’t be blank.'
        : directory.personByEmail(email)
          ? 'This email has already been taken.'
          : undefined;
    if (problem) return signUpPage({ request: request.id, firstName, name, email, problem });
    const locale = request.hints.get('lang') === 'de' ? 'de' : 'en';
    const person = directory.addPerson({
      email,
      password,
      emailConfirmed: false,
      firstName: firstName || null,
      name,
      locale,
    });
    return logIn(request, person);
  };
  const emptySignUp = ({ id, hints }: AuthorizationRequest) =>
    signUpPage({
      request: id,
      firstName: hints.get('person[first_name]') ?? '',
      name: hints.get('person[name]') ?? '',
      email: hints.get('person[email]') ?? '',
    });

  const choose = (request: AuthorizationRequest, person: Person, { form }: Call): Reply => {
    const id = form.get('organization') ?? '';
    if (!managed(person).some(({ organizationId }) => organizationId === id))
      return errorPage(403, 'You do not manage this organization.');
    request.bearer = { type: 'Organization', id };
    return seeOther(`/continue?request=${request.id}`);
  };
  const create = (request: AuthorizationRequest, person: Person, { form }: Call): Reply => {
    const name = form.get('name')?.trim() ?? '';
    if (name === '') return errorPage(422, 'The name can’t be blank.');
    const kinds = form.getAll('kinds[]');
    const { id } = directory.addOrganization({
      name,
      countryCode: form.get('country_code') || null,
      ...(kinds.length > 0 && { kinds }),
    });
    directory.addMembership(id, person.id, ['owner']);
    request.bearer = { type: 'Organization', id };
    return seeOther(`/continue?request=${request.id}`);
  };

  const open = (call: Call, request: AuthorizationRequest): Reply | undefined => {
    switch (`${call.method} ${call.url.pathname}`) {
      case 'GET /login':
        return login(request);
      case 'POST /login': {
        const email = call.form.get('email') ?? '';
        const person = directory.personByEmail(email);
        const isRight = person !== undefined && person.password === call.form.get('password');
        return isRight ? logIn(request, person) : login(request, 'Email or password is wrong.', email);
      }
      case 'GET /signup':
        return request.canSignUp ? emptySignUp(request) : errorPage(403, 'Nobody can sign up here.');
      case 'POST /signup':
        return request.canSignUp ? signUp(request, call) : errorPage(403, 'Nobody can sign up here.');
      case 'POST /logout':
        sessions.delete(cookieOf(call, COOKIE) ?? '');
        request.loggedIn = undefined;
        request.bearer = undefined;
        return seeOther(`/login?request=${request.id}`);
      default:
        return undefined;
    }
  };
  const loggedIn = (call: Call, request: AuthorizationRequest, person: Person): Reply => {
    switch (`${call.method} ${call.url.pathname}`) {
      case 'GET /continue':
        return goOn(request, person);
      case 'GET /organizations/choose':
        return chooser(request, person);
      case 'POST /organizations/choose':
        return choose(request, person, call);
      case 'POST /organizations/new':
        return create(request, person, call);
      case 'GET /consent':
        return consent(request, person);
      case 'POST /consent':
        return call.form.get('decision') === 'approve'
          ? authorization.finish(request, person.id)
          : authorization.deny(request);
      default:
        return errorPage(404, 'There is no such page.');
    }
  };

  return (call: Call): Reply => {
    const request = authorization.requestOf(call);
    if (!request) return errorPage(400, 'This request has been answered, or is too old.');
    const opened = open(call, request);
    if (opened) return opened;
    const person = personOf(call);
    const isIn = person && (!request.mustLogIn || request.loggedIn === person.id);
    return isIn ? loggedIn(call, request, person) : seeOther(`/login?request=${request.id}`);
  };
}

const fullName = ({ firstName, name }: Person) => [firstName, name].filter(Boolean).join(' ');
