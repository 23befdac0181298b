/**
 * The only reader of this root's environment. Programs it starts inherit it: proxies, mirrors and CAs are set there. With
 * the folders of root's own PATH: `su` and crontab leave out those in which nft, ip and dockerd lie.
 */
export const environment: Readonly<NodeJS.ProcessEnv> = {
  ...process.env,
  PATH: withSystemFolders(process.env['PATH'] ?? ''),
}

function withSystemFolders(path: string): string {
  const present = path.split(':').filter(folder => folder !== '')
  const system = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return [...new Set([...present, ...system])].join(':')
}
