# Ruby's own Marshal. Reads one JSON object from stdin, {"do": "read" | "write", "stored"?}, and answers in JSON:
# read: {"data"}, what Ruby makes of it; write: {"stored"}, in Base64, a session that holds everything.
require 'base64'
require 'json'
require 'bigdecimal'
require 'set'

module ActiveSupport
  # Rails has it from activesupport; in Marshal it is a subclass of Hash and nothing else.
  class HashWithIndifferentAccess < Hash; end
end
Point = Struct.new(:x, :y)
class Cart
  def initialize
    @items = [1, 'two']
    @owner = 'alice'
  end
end

asked = JSON.parse($stdin.read)
if asked['do'] == 'read'
  puts JSON.generate('data' => Marshal.load(Base64.decode64(asked['stored'])))
  exit
end

name = 'Zoë'
key = [[7], '$2a$12$abcdefghijklmnopqrstuv']
inner = ActiveSupport::HashWithIndifferentAccess.new
inner['step'] = :second
# What takes numbers before the person does: links after them have to count right.
session = {
  '_csrf_token' => 'c2VjcmV0',
  'since' => Time.at(1_763_726_400, 5, :nsec).localtime('+01:00'),
  'price' => BigDecimal('9.99'),
  'cart' => Cart.new,
  'point' => Point.new(1, 'y'),
  'tags' => Set.new(%w[a b]),
  'pattern' => /zo[ë]/i,
  'range' => (1..3),
  'class' => String,
  'name' => name,
  'again' => name,
  'latin' => 'caf\xE9'.dup.force_encoding('ISO-8859-1'),
  'sjis' => "\x83e\x83X\x83g".dup.force_encoding('Shift_JIS'),
  'ascii' => 'plain'.dup.force_encoding('US-ASCII'),
  'bytes' => "\xFF\xFE".b,
  :symbol => :"zoë",
  'symbol again' => :"zoë",
  'numbers' => [0, 1, -1, 122, 123, -123, -124, 255, 256, 65_535, 65_536, -65_536, 2**30 - 1, 2**30, -(2**30), 2**40, 2**80],
  'floats' => [0.5, -1.5e300, Float::INFINITY, 1.0],
  'default' => Hash.new('x').merge!('k' => nil),
  'flash' => { 'discard' => [], 'flashes' => { 'notice' => true } },
  'indifferent' => inner,
  'same' => inner,
  'again at the end' => name,
  'warden.user.user.key' => key
}
session = session.merge(asked['data']) if asked['data']
wrapped = ActiveSupport::HashWithIndifferentAccess.new.merge!(session)
puts JSON.generate('stored' => Base64.strict_encode64(Marshal.dump(asked['wrapped'] ? wrapped : session)))
