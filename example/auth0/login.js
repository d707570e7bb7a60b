// Database Action Script "Login" of an Auth0 custom database connection with "Import Users to Auth0" switched on.
// Settings of the connection: FOOTBRIDGE_URL (https://login.example.com/drop-ins/auth0/<name>), FOOTBRIDGE_SECRET.
// biome-ignore lint/correctness/noUnusedVariables: Auth0 calls it by its name.
async function login(userNameOrEmail, password, callback) {
  let answer;
  let body;
  try {
    answer = await fetch(`${configuration.FOOTBRIDGE_URL}/login`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${configuration.FOOTBRIDGE_SECRET}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ login: userNameOrEmail, password }),
      redirect: 'error',
      // Auth0 gives a script some 20 seconds.
      signal: AbortSignal.timeout(12000),
    });
    body = await answer.json();
  } catch {
    return callback(new Error('The login could not be checked. Please try again later.'));
  }
  if (answer.ok) {
    const { sub, legacyId, profile } = body;
    // Add `username: profile.preferred_username` where the connection requires usernames.
    return callback(null, {
      // Never another one: Auth0 would make a second user.
      user_id: sub,
      email: profile.email,
      email_verified: profile.email_verified === true,
      name: profile.name,
      given_name: profile.given_name,
      family_name: profile.family_name,
      nickname: profile.nickname,
      picture: profile.picture,
      app_metadata: { legacy_id: legacyId },
    });
  }
  if (body.code === 'wrong_password')
    return callback(new WrongUsernameOrPasswordError(userNameOrEmail, 'Wrong email or password.'));
  if (body.code === 'throttled')
    return callback(new Error('Too many attempts. Please wait a little and try again.'));
  // An outage, or a mistake in the settings: never a wrong password.
  return callback(new Error('The login could not be checked. Please try again later.'));
}
