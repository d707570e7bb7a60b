<?php
// PHP's own session handlers. Reads one JSON object from stdin, {"serializer", "do": "read" | "write", "stored"?}, and
// answers in JSON: read: {"data"}, what $_SESSION then holds; write: {"stored"}, in Base64, a session that holds everything.
class Cart { public $items = 2; protected $secret = 's'; private $price = 9; }
enum Suit: string { case Hearts = 'H'; }

class InMemory implements SessionHandlerInterface {
    public function open($path, $name): bool { return true; }
    public function close(): bool { return true; }
    public function read($id): string|false { return ''; }
    public function write($id, $data): bool { return true; }
    public function destroy($id): bool { return true; }
    public function gc($seconds): int|false { return 0; }
}

$asked = json_decode(stream_get_contents(STDIN), true);
ini_set('session.serialize_handler', $asked['serializer']);
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_set_save_handler(new InMemory(), true);
session_id($asked['id'] ?? 'abcdefghijklmnopqrstuv1234');
if (!session_start()) exit(1);
if ($asked['do'] === 'read') {
    $good = session_decode(base64_decode($asked['stored']));
    echo json_encode(['good' => $good, 'id' => session_id(), 'data' => $_SESSION]);
} else {
    $name = 'Zoë';
    $_SESSION['user_id'] = 42;
    $_SESSION['name'] = &$name;
    $_SESSION['again'] = &$name;
    $_SESSION['user'] = ['id' => '42', 'roles' => ['admin', 'staff'], 'ratio' => 0.5, 'big' => PHP_INT_MAX];
    $_SESSION['cart'] = new Cart();
    $_SESSION['same'] = $_SESSION['cart'];
    $_SESSION['suit'] = Suit::Hearts;
    $_SESSION['since'] = new DateTime('2026-11-21T12:00:00Z');
    $_SESSION['bytes'] = "\xff\xfe";
    $_SESSION['flags'] = [true, false, null, -7, 1.5e300, INF];
    $_SESSION['sparse'] = [3 => 'c', 'x' => 'y'];
    $_SESSION['empty'] = [];
    echo json_encode(['stored' => base64_encode(session_encode())]);
}
