import { createServer } from 'node:http'

// Change this line, commit, push: that is a deploy.
const greeting = 'Hello from Lading, version 1'

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  if (request.url !== '/') {
    response.statusCode = 404
    response.end('There is nothing here but /\n')
    return
  }
  response.end(`${greeting}\n`)
})

// The platform says on which port to listen (factor VII).
server.listen(Number(process.env.PORT ?? 8080), '0.0.0.0', () => {
  console.log(`listening on ${server.address().port}`)
})

// No new request comes after SIGTERM; those that are open are answered, then the process ends (factor IX).
process.on('SIGTERM', () => {
  console.log('SIGTERM: finishing what is open')
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
