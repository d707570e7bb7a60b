// Database Action Script "Get User" of an Auth0 custom database connection with "Import Users to Auth0" switched on.
// Auth0 asks it at a sign-up and for a forgotten password. It wants `lookups: true` in the settings of the drop-in.
// biome-ignore lint/correctness/noUnusedVariables: Auth0 calls it by its name.
async function getUser(email, callback) {
  let answer;
  let body;
  try {
    answer = await fetch(`${configuration.FOOTBRIDGE_URL}/user`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${configuration.FOOTBRIDGE_SECRET}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ login: email }),
      redirect: 'error',
      signal: AbortSignal.timeout(12000),
    });
    body = await answer.json();
  } catch {
    return callback(new Error('It could not be found out who this is. Please try again later.'));
  }
  if (answer.ok) {
    const { sub, legacyId, profile } = body;
    return callback(null, {
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
  // Only where it says so there is nobody: on this answer anybody may sign up with the address.
  if (body.code === 'user_not_found') return callback(null);
  return callback(new Error('It could not be found out who this is. Please try again later.'));
}
