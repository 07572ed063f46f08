import { isSecretName, redacted } from '@travessia/schemas/redact'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redactBody } from './redact-body.ts'
import { redactAddresses } from './redact-text.ts'

function clean(text: string, mediaType = ''): string {
  return redactBody(Buffer.from(text), mediaType).bytes.toString()
}

test.each([
  ['{"login":"a","password":"s\\"x","n":1}', '{"login":"a","password":"[redacted]","n":1}'],
  ['{"tokens":[{"a":"]"},2],"b":3}', '{"tokens":"[redacted]","b":3}'],
  ['{"pin": 1234, "b": {"key":null}}', '{"pin": "[redacted]", "b": {"key":"[redacted]"}}'],
  ['{"b":1,"password":"cut of', '{"b":1,"password":"[redacted]"'],
  ['{"log":"{\\"senha\\":\\"abc\\"}"}', '{"log":"{\\"senha\\":\\"[redacted]\\"}"}'],
  ['{"Authorization":"Bearer abc"}', '{"Authorization":"[redacted]"}'],
  ["{'password': 'abc'}", "{'password': '[redacted]'}"],
])('JSON, whatever calls it so: %s', (text, expected) => {
  expect(clean(text)).toBe(expected)
})

test.each([
  ['login=a&password=b c;d&x=1', 'login=a&password=[redacted]&x=1'],
  ['pass%77ord=b', 'pass%77ord=[redacted]'],
  ['password=abc\r\nx=1', 'password=[redacted]\r\nx=1'],
])('a form: %s', (text, expected) => {
  expect(clean(text)).toBe(expected)
})

test.each([
  ['<a href="/x?token=abc&b=1">', '<a href="/x?token=[redacted]&b=1">'],
  ['see http://u:p@host/', 'see http://[redacted]@host/'],
  [
    '<input type="password" value="abc"><input name=x value=1>',
    '<input type="password" value="[redacted]"><input name=x value=1>',
  ],
  ['<meta name="csrf-token" content="abc">', '<meta name="csrf-token" content="[redacted]">'],
  ['<w:Password Type="x">abc</w:Password>', '<w:Password Type="x">[redacted]</w:Password>'],
  ['<user password="abc"/>', '<user password="[redacted]"/>'],
])('a page: %s', (text, expected) => {
  expect(clean(text, 'text/html')).toBe(expected)
})

test('a multipart form keeps its fields, its secrets and files are left out', () => {
  const parts = [
    'Content-Disposition: form-data; name="password"\r\n\r\nabc',
    'Content-Disposition: form-data; name="note"\r\n\r\nhello',
    'Content-Disposition: form-data; name="f"; filename="a.gcode"\r\n\r\nG28 secret file',
  ]
  const body = `--b\r\n${parts.join('\r\n--b\r\n')}\r\n--b--\r\n`
  const kept = clean(body, 'multipart/form-data; boundary=b')
  expect(kept).toContain('name="password"\r\n\r\n[redacted]\r\n--b')
  expect(kept).toContain('\r\n\r\nhello\r\n')
  expect(kept).toContain('filename="a.gcode"\r\n\r\n[15 bytes left out]\r\n--b--')
  expect(clean(body.slice(0, -20), 'multipart/form-data; boundary="b"')).not.toContain('G28')
})

test('what is no secret keeps its bytes, of pictures all', () => {
  const latin1 = Buffer.from('<p>ção</p>', 'latin1')
  expect(redactBody(latin1, 'text/html')).toEqual({ bytes: latin1, hadSecret: false })
  const picture = Buffer.from('\x89PNG\0"password":"x"', 'latin1')
  expect(redactBody(picture, 'image/png')).toEqual({ bytes: picture, hadSecret: false })
  expect(clean('{"password":"x"}', 'image/png')).toBe('{"password":"[redacted]"}')
})

test.each([
  ['has a mark of its order', '\ufeff{"password":"x"}', ''],
  ['has none', '{"password":"x"}', 'application/json'],
  ['begins late', `${'\u4e2d'.repeat(2000)}{"password":"x"}`, 'text/plain'],
])('wide text, whose names cannot be seen, is refused: it %s', (_what, text, mediaType) => {
  const bytes = Buffer.from(text, 'utf16le')
  expect(() => redactBody(bytes, mediaType)).toThrow(RangeError)
  expect(() => redactBody(bytes.swap16(), mediaType)).toThrow(RangeError)
})

test.each([
  ['a charset that hides names', 'x', 'text/plain; charset=UTF-16LE'],
  [
    'a multipart form whose boundary is not there',
    'name="password"\r\n\r\nx',
    'multipart/form-data',
  ],
  ['another boundary', '--b\r\nx\r\n--b--', 'multipart/mixed; boundary=c'],
])('%s is refused', (_what, text, mediaType) => {
  expect(() => clean(text, mediaType)).toThrow(RangeError)
})

test('a script keeps its code, a style sheet its rules', () => {
  const script = 'for(var i=0;i<keys.length&&x>1;i++){a={key:f(b),pin:c};session=g()}'
  expect(clean(script, 'text/javascript')).toContain('a={key:f(b),pin:c}')
  expect(clean('.token:hover{color:red}', 'text/css')).toBe('.token:hover{color:red}')
  const page = '<script>if (i <keys.length && j> 0) f(); g()</script><p>text</p>'
  expect(clean(page, 'text/html')).toBe(page)
})

/** Each holds `canary` behind a name, and nothing else of it. */
test.each([
  ['an object in a script', '<script>var a={login:"a",password:"canary"}</script>'],
  [
    'an object in a script of its own',
    'x({user:1,password:"canary",pin:`canary`})',
    'text/javascript',
  ],
  ['single quotes', "<script>var a={password:'can\\'ary canary'}</script>"],
  ['a number in a script', 'var a={pin:4711,b:1}', 'text/javascript', '4711'],
  ['an assignment', 'var a = 1, password = "canary";', 'text/javascript'],
  ['an assignment of a page', '<script>\nvar password = "canary";\n</script>'],
  ['relaxed JSON', '{login: a, password: canary b, n: 1}'],
  ['an escaped key', '{"pa\\u0073sword":"canary"}'],
  ['an escaped key in a script', 'x({"p\\x61ssword":"canary"})'],
  ['JSON in JSON, escaped', '{"a":"{\\"pa\\\\u0073sword\\":\\"canary\\"}"}'],
  ['a name within a text', '{"note":"my password: ","password":"canary"}'],
  ['a name within JSON in JSON', '{"note":"say \\"password\\": ","token":"canary"}'],
  ['a list of fields', '[{"name":"login","value":"a"},{"name":"password","value":"canary"}]'],
  ['YAML', 'login: a\npassword: canary, canary b\nn: 1\n'],
  ['YAML with quotes', "password: 'can''canary' # canary\n"],
  ['a list of YAML', 'users:\n  - login: a\n    password: canary\n  - password: canary\n'],
  ['a block of YAML', 'password: |\n  canary\n\n  canary\nlogin: a\n'],
  ['a tree of YAML', 'secret:\n  a: canary\n  b:\n    - canary\n'],
  ['INI', '[wifi]\npassword = canary b;canary\nssid=x\n'],
  ['INI without spaces', '[wifi]\r\npassword=canary b\r\nssid=x\r\n'],
  ['words before', 'Wifi password: canary b\n'],
  ['CDATA', '<password><![CDATA[canary</password>canary]]></password>'],
  ['CDATA that is cut', '<password><![CDATA[canary <b> canary'],
  ['elements within', '<a><secret><v>canary</v><secret>canary</secret>canary</secret></a>'],
  ['elements within, cut', '<a><secret><v>canary'],
  ['a text area', '<textarea rows=2 name="password">canary <b>canary</textarea>'],
  ['a selection', '<select name="pin"><option value="canary" selected>canary</select>'],
  ['a tag with > in it', '<input title="a>b" name="password" value="canary">'],
  ['a tag in a string', '{"html":"<input name=\\"password\\" value=\\"canary\\">"}'],
  ['a name in entities', '<input name="p&#97;ssword" value="canary">'],
  ['a named property', '<property name="db.password">canary</property>'],
  ['a property list', '<dict><key>password</key><string>canary</string></dict>'],
  ['XML-RPC', '<member><name>password</name><value><string>canary</string></value></member>'],
  ['an attribute in an attribute', `<a onclick="login({password:'canary'});x(password='canary')">`],
  ['an attribute without quotes', '<user password=canary>'],
  ['an address in an address', '<a href="/l?r=%2Fcb%3Ftoken%3Dcanary">'],
  ['a form whose first name is odd', '$user=x&password=can canary;canary'],
  ['a secret with letters of two bytes', '<a href="/x?token=canàcanary">x', '', 'canary'],
  ['a form with ;', 'user=x;password=canary'],
  ['a form with a line break', 'a=1&password=can\ncanary', 'application/x-www-form-urlencoded'],
  ['JSON in a form', `data=${encodeURIComponent('{"a":1,"password":"can canary"}')}&b=1`],
  ['a form in a form', `a=${encodeURIComponent(`b=${encodeURIComponent('password=can canary')}`)}`],
  ['a name encoded twice', 'x=1&pa%2573sword=can canary'],
  ...['jwt', 'sid', 'auth', 'signature', 'x-auth', 'Cookie', 'psk'].flatMap((name) => [
    [`JSON with ${name}`, `{"a":1,"${name}":"canary"}`] as const,
    [`a form with ${name}`, `a=1&${name}=canary b;canary`] as const,
  ]),
] as ReadonlyArray<[string, string, string?, string?]>)(
  'no secret of %s is left, however much is cut off',
  (_what: string, text: string, mediaType = '', hidden = 'canary') => {
    expect(clean(text, mediaType)).toContain(redacted)
    for (let end = text.length; end > 0; end -= 1)
      expect(clean(text.slice(0, end), mediaType)).not.toContain(hidden)
  },
)

const field = (name: string, value: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`

test.each([
  ['of another kind', field('password', 'canary'), 'multipart/mixed; boundary="b"'],
  ['that nobody calls so', field('a', '1') + field('password', 'canary'), 'text/plain'],
  [
    'with the delimiter in a secret',
    field('password', 'canary--bcanary'),
    'multipart/form-data; boundary=b',
  ],
  [
    'with bare line feeds',
    field('password', 'canary').replaceAll('\r', ''),
    'multipart/form-data; boundary=b',
  ],
  ['with JSON in a field', field('a', '{"pin":"canary"}'), 'multipart/form-data; boundary=b'],
  [
    'with a coded field',
    field('a', btoa('canary'), '\r\nContent-Transfer-Encoding: base64'),
    'multipart/mixed; boundary=b',
  ],
  [
    'in a part of another',
    `--o\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${field('password', 'canary')}--b--\r\n`,
    'multipart/mixed; boundary=o',
  ],
])('no secret of a multipart form is left, one %s', (_what, text, mediaType) => {
  const kept = clean(text, mediaType)
  for (const hidden of ['canary', btoa('canary')]) expect(kept).not.toContain(hidden)
})

test('only a secret that was there counts as one, a file that is left out does not', () => {
  const had = (text: string, mediaType = '') => redactBody(Buffer.from(text), mediaType).hadSecret
  const type = 'multipart/form-data; boundary=b'
  expect(had(field('f', 'G28', '; filename="a.gcode"'), type)).toBe(false)
  expect(had(field('f', 'G28', '; filename="a.gcode"') + field('pin', '1'), type)).toBe(true)
  expect([had('a=1&b=2'), had('a=1&pin=2'), had('{"login":"a"}')]).toEqual([false, true, false])
})

test('a body made to be slow to read is not, or is refused', () => {
  const evil = [
    ...[
      '"key":{',
      '"',
      '\\',
      '\\"',
      '"a":',
      'a.',
      '[',
      '<key>',
      '<key></key>',
      '<key ',
      '<a "',
      '<a \'"',
      '&',
      '=',
    ],
    ...[
      'key=',
      'key: \n',
      ' ',
      '- ',
      '<key><![CDATA[',
      'key:"',
      '%25',
      ' a=',
      '<a b=',
      '`',
      '--b\n',
    ],
  ]
  for (const text of evil) {
    const begun = performance.now()
    try {
      clean(text.repeat(1_000_000 / text.length))
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
    }
    expect([text, performance.now() - begun < 4_000]).toEqual([text, true])
  }
})

test('parts within parts are not followed for ever', () => {
  const nested = Array.from({ length: 6 }, (_, i) => `--${i}\ncontent-x\n--${i}\n`).join('')
  expect(() => clean(nested)).toThrow(RangeError)
  expect(() => clean(nested.slice(0, 2 * nested.indexOf('--1')))).not.toThrow()
})

test('rules of a style sheet and bytes of pictures are no addresses', () => {
  const css = '[data-keyboard=false]{display:none}.b{margin:0}'
  const picture = 'url(data:image/png;base64,iVBORkey=AA==)'
  for (const text of [css, picture]) expect(redactAddresses(text)).toBe(text)
  expect(redactAddresses(`${css} /x?key=canary`)).not.toContain('canary')
})

const secret = fc.string({ minLength: 12, maxLength: 40 }).map((text) => `canary${text}`)
const secretName = fc.constantFrom('password', 'senha', 'api_key', 'accessToken', 'PIN', 'otp')
const plainName = fc.string({ maxLength: 8 }).filter((name) => !isSecretName(name))

test('a secret under a secret name is in no redacted JSON or form, at any depth, cut anywhere', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.string(),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(plainName, tie('any'), { maxKeys: 3 }),
    ),
  })).any
  fc.assert(
    fc.property(secret, secretName, value, fc.nat(2_000), (hidden, name, rest, cut) => {
      const inner = { rest, [name]: [hidden, { rest: hidden }], more: rest }
      for (const said of [
        JSON.stringify({ a: inner, [name]: hidden }),
        JSON.stringify([inner], null, 2),
        JSON.stringify({ text: JSON.stringify({ [name]: hidden.replace(/["\\]/g, '') }) }),
        new URLSearchParams({ x: '1', [name]: hidden, y: '2' }).toString(),
      ]) {
        expect(clean(said)).toContain(redacted)
        for (const text of [said, said.slice(0, cut)]) expect(clean(text)).not.toContain('canary')
      }
    }),
    { numRuns: 300 },
  )
})
