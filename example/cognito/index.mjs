// User migration trigger of a Cognito user pool (Node.js 22 or newer). The app client has to allow USER_PASSWORD_AUTH.
// Environment: FOOTBRIDGE_URL (https://login.example.com/drop-ins/cognito/<name>), FOOTBRIDGE_SECRET, and where the pool
// has a custom attribute for our subject, its name in FOOTBRIDGE_SUB_ATTRIBUTE (custom:legacy_sub).
// An attribute that the pool does not have makes Cognito refuse the user: leave here those that it has.
const ATTRIBUTES = [
  'email',
  'name',
  'given_name',
  'family_name',
  'nickname',
  'picture',
  'zoneinfo',
  'locale',
];

export async function handler(event) {
  const { triggerSource, userName, request } = event;
  const isLogin = triggerSource === 'UserMigration_Authentication';
  if (!isLogin && triggerSource !== 'UserMigration_ForgotPassword')
    throw new Error(`Not a migration of a user: ${triggerSource}`);
  const { sub, profile } = isLogin
    ? await ask('/login', { login: userName, password: request.password })
    : await ask('/user', { login: userName });
  const { FOOTBRIDGE_SUB_ATTRIBUTE: subAttribute } = process.env;
  event.response.userAttributes = {
    ...attributesOf(profile),
    ...(subAttribute ? { [subAttribute]: sub } : {}),
  };
  // In the other flow the person is about to choose a password.
  if (isLogin) event.response.finalUserStatus = 'CONFIRMED';
  event.response.messageAction = 'SUPPRESS';
  return event;
}

function attributesOf(profile) {
  const known = Object.fromEntries(
    ATTRIBUTES.filter((name) => profile[name] !== undefined).map((name) => [name, String(profile[name])]),
  );
  return {
    ...known,
    ...(profile.email === undefined ? {} : { email_verified: String(profile.email_verified === true) }),
    ...(profile.phone_number === undefined
      ? {}
      : {
          phone_number: profile.phone_number,
          phone_number_verified: String(profile.phone_number_verified === true),
        }),
  };
}

async function ask(path, body) {
  let answer;
  let json;
  try {
    answer = await fetch(`${process.env.FOOTBRIDGE_URL}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${process.env.FOOTBRIDGE_SECRET}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
      redirect: 'error',
      // Cognito waits five seconds for a trigger, then calls it again.
      signal: AbortSignal.timeout(4500),
    });
    json = await answer.json();
  } catch {
    throw new Error('The login could not be checked. Please try again later.');
  }
  if (answer.ok) return json;
  if (['wrong_password', 'user_not_found', 'user_excluded'].includes(json.code))
    throw new Error('Incorrect username or password.');
  if (json.code === 'throttled') throw new Error('Too many attempts. Please wait a little and try again.');
  // An outage, or a mistake in the settings: never a wrong password.
  throw new Error('The login could not be checked. Please try again later.');
}
