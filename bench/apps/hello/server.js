// What the benches deploy: answers its version, holds requests, hashes uploads, keeps WebSockets; no dependencies.
// behaviour.json makes it a difficult neighbour: { "bootMs": 3000, "onTerm": "finish" | "ignore" | "exit" }.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const read = name => readFileSync(new URL(name, import.meta.url), 'utf8').trim()
const version = `${read('VERSION')} ${process.env.MARK ?? ''}`.trim()
const { bootMs, onTerm } = JSON.parse(read('behaviour.json'))
const sockets = new Set()

const server = createServer((request, response) => {
  if (request.url === '/slow') return setTimeout(() => response.end(version), 20_000)
  if (request.url !== '/upload') return response.end(version)
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', chunk => ((bytes += chunk.length), hash.update(chunk)))
  request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}`))
})

const frame = (opcode, payload) => Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload])

server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  )
  socket.write(frame(1, Buffer.from(version)))
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  socket.on('error', () => socket.destroy())
  let rest = Buffer.alloc(0)
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    // Clients mask (RFC 6455), and the load's frames are shorter than 126 bytes.
    while (rest.length >= 6 && rest.length >= 6 + (rest[1] & 0x7f)) {
      const end = 6 + (rest[1] & 0x7f)
      const text = Buffer.from(rest.subarray(6, end).map((byte, at) => byte ^ rest[2 + (at % 4)]))
      if ((rest[0] & 0x0f) === 8) return socket.end(frame(8, text))
      socket.write(frame(1, text))
      rest = rest.subarray(end)
    }
  })
})

const finish = () => {
  server.close(() => process.exit(0))
  for (const socket of sockets) socket.end(frame(8, Buffer.from([0x03, 0xe9])))
}
const ends = { finish, ignore: () => undefined, exit: () => process.exit(0) }
process.on('SIGTERM', ends[onTerm])
setTimeout(() => server.listen(Number(process.env.PORT)), bootMs)
