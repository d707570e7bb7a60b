<?php
/**
 * A PHP forum as it was written in 2009: sessions in files, people in a list, no standards. What it has for Footbridge
 * is the second half (docs/sessions/http-hook.md).
 */
declare(strict_types=1);

$people = json_decode(file_get_contents(getenv('PEOPLE_FILE')), true);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

function answer(int $status, ?array $body = null): never
{
    http_response_code($status);
    header('content-type: application/json');
    if ($body !== null) {
        echo json_encode($body);
    }
    exit;
}

function findPerson(array $people, callable $test): ?array
{
    foreach ($people as $person) {
        if ($test($person)) {
            return $person;
        }
    }
    return null;
}

/** Opens a session that is there, and none that is not. */
function openSession(string $id): bool
{
    if (!preg_match('/^[A-Za-z0-9,-]{22,256}$/', $id) || !is_file(session_save_path() . "/sess_$id")) {
        return false;
    }
    session_id($id);
    session_start();
    return isset($_SESSION['user_id']);
}

/** Of this app and Footbridge: HMAC-SHA256 over the time and the body. */
function signature(string $body, int $seconds): string
{
    return hash_hmac('sha256', "$seconds.$body", getenv('HOOK_KEY'));
}

function told(string $where, array $message): int
{
    $body = json_encode($message);
    $now = time();
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "content-type: application/json\r\nfootbridge-signature: t=$now,v1=" . signature($body, $now),
        'content' => $body,
        'ignore_errors' => true,
        'timeout' => 5,
    ]]);
    @file_get_contents(getenv('FACADE') . $where, false, $context);
    return (int) (explode(' ', $http_response_header[0] ?? '0 0')[1]);
}

/** What Footbridge says, if it is Footbridge that says it. */
function heard(): array
{
    $body = file_get_contents('php://input');
    preg_match('/^t=(\d+),v1=([0-9a-f]{64})$/', $_SERVER['HTTP_FOOTBRIDGE_SIGNATURE'] ?? '', $parts);
    if (!$parts || abs(time() - (int) $parts[1]) > 300 || !hash_equals(signature($body, (int) $parts[1]), $parts[2])) {
        answer(401);
    }
    return json_decode($body, true);
}

/** The id of the session that is meant: its own, or the cookie's. */
function meant(array $call): string
{
    return (string) ($call['session']['id'] ?? $call['session']['cookies']['PHPSESSID'] ?? '');
}

switch ($path) {
    case '/login':
        $person = findPerson($people, fn ($p) => $p['username'] === ($_POST['username'] ?? null));
        if (!$person || !password_verify($_POST['password'] ?? '', $person['hash'])) {
            answer(401);
        }
        session_start();
        session_regenerate_id(true);
        $_SESSION = ['user_id' => $person['id'], 'logged_in_at' => time()];
        answer(200, ['id' => $person['id']]);
    case '/whoami':
        if (!openSession($_COOKIE['PHPSESSID'] ?? '')) {
            answer(403);
        }
        answer(200, ['id' => $_SESSION['user_id']]);
    case '/logout':
        $id = $_COOKIE['PHPSESSID'] ?? '';
        if (!openSession($id)) {
            answer(403);
        }
        $person = $_SESSION['user_id'];
        session_destroy();
        // Only where it is set up: an app may also say nothing, and be asked.
        $status = getenv('TELLS') === 'yes'
            ? told('/legacy/sessions/ended', ['legacyId' => (string) $person, 'session' => $id])
            : 0;
        answer(200, ['told' => $status]);

    // For Footbridge:
    case '/footbridge/create':
        $login = heard();
        session_start();
        $_SESSION = ['user_id' => (int) $login['legacyId'], 'logged_in_at' => $login['authTime']];
        $id = session_id();
        session_write_close();
        answer(200, ['session' => $id]);
    case '/footbridge/check':
        $id = meant(heard());
        if (!openSession($id)) {
            answer(404);
        }
        answer(200, [
            'legacyId' => (string) $_SESSION['user_id'],
            'session' => $id,
            'authTime' => $_SESSION['logged_in_at'],
        ]);
    case '/footbridge/end':
        $call = heard();
        $id = meant($call);
        if ($id !== '') {
            if (openSession($id)) {
                session_destroy();
            }
            answer(204);
        }
        foreach (glob(session_save_path() . '/sess_*') as $file) {
            if (str_contains((string) file_get_contents($file), 'user_id|i:' . (int) $call['legacyId'] . ';')) {
                unlink($file);
            }
        }
        answer(204);
    default:
        answer(404);
}
