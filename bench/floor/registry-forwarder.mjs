// 127.0.0.1:5000 → the registry's own Unix socket, for "docker push" of the floors.
import net from 'node:net'

net
  .createServer(client => {
    const registry = net.connect('/run/lading/registry.sock')
    client.pipe(registry).pipe(client)
    client.on('error', () => registry.destroy())
    registry.on('error', () => client.destroy())
  })
  .listen(5000, '127.0.0.1', () => console.log('open'))
