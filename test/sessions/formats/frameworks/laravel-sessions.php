<?php
// What Laravel's EncryptCookies, CookieValuePrefix and session stores do, in the same calls of PHP. Reads one JSON object
// from stdin and answers in JSON: who would be signed in by this cookie and this stored session.
$asked = json_decode(stream_get_contents(STDIN), true);
$key = base64_decode(substr($asked['key'], strlen('base64:')));

function decrypt(string $text, string $cipher, string $key): string {
    $payload = json_decode(base64_decode($text), true);
    $iv = base64_decode($payload['iv']);
    if (strlen($iv) !== openssl_cipher_iv_length($cipher)) throw new Exception('iv');
    $tag = empty($payload['tag']) ? null : base64_decode($payload['tag']);
    if (str_ends_with($cipher, 'gcm')) {
        if (strlen($tag) !== 16) throw new Exception('tag');
    } else {
        if (is_string($tag)) throw new Exception('tag');
        $mac = hash_hmac('sha256', $payload['iv'] . $payload['value'], $key);
        if (!hash_equals($mac, $payload['mac'])) throw new Exception('mac');
    }
    $plain = openssl_decrypt($payload['value'], $cipher, $key, 0, $iv, $tag ?? '');
    if ($plain === false) throw new Exception('text');
    return $plain;
}

$value = decrypt(urldecode($asked['cookie']), $asked['cipher'], $key);
$prefix = hash_hmac('sha1', $asked['cookieName'] . 'v2', $key) . '|';
if (!str_starts_with($value, $prefix)) throw new Exception('prefix');
$id = substr($value, 41);
if (!ctype_alnum($id) || strlen($id) !== 40) throw new Exception('id');
$text = $asked['driver'] === 'database' ? base64_decode($asked['stored']) : unserialize($asked['stored']);
if ($asked['encrypt']) $text = unserialize(decrypt($text, $asked['cipher'], $key));
$data = $asked['serializer'] === 'json' ? json_decode($text, true) : unserialize($text);
echo json_encode(['id' => $id, 'data' => $data]);
