import { X509Certificate } from 'node:crypto'
import { readFile, rm, stat } from 'node:fs/promises'
import { askEdge } from '../platform/edge-request.ts'
import { readIfThere } from '../../lib/files.ts'
import { apiHost, helloHost } from '../platform/hello.ts'
import { closedToVisitors, readOtherFirewalls } from '../firewall/other-firewalls.ts'
import { checkout, paths } from '../paths.ts'
import { print } from '../printer.ts'
import type { Site } from '../steps/site.ts'

interface Reported {
  readonly site: Site
  readonly domainBefore: string
  readonly hasSystemd: boolean
}

/**
 * What a person does next. Where the domain has changed in this run, what does not follow by itself. The recovery code
 * is shown once, in the first report.
 */
export async function report({ site, domainBefore, hasSystemd }: Reported, signal: AbortSignal): Promise<void> {
  const [api, hello] = [apiHost(site), helloHost(site)]
  const answer = await askEdge(hello, signal)
  const isLocal = /(^|\.)localhost$/.test(site.decisions.baseDomain)
  const scheme = isLocal ? 'http' : 'https'
  const fingerprint = new X509Certificate(await readFile(paths.caCertificate)).fingerprint256
  const lines: string[] = ['', 'Lading is up.', '']
  if (answer?.status === 200) {
    const resolve = `--resolve ${hello}:${isLocal ? 80 : 443}:127.0.0.1`
    const trust = isLocal ? '' : `--cacert ${paths.caCertificate} `
    lines.push(
      `  hello             ${scheme}://${hello}${isLocal ? `  (and https, by the platform's own CA)` : ''}`,
      `                    ${answer.body.trim().split('\n')[0]}`,
      `  from here         curl ${trust}${resolve} ${scheme}://${hello}`,
      ...((await hasExample())
        ? [`  its folder        ${paths.hello}  (change it, commit, git push lading main)`]
        : []),
    )
  }
  lines.push(
    `  control plane     ${scheme}://${api}`,
    `  your next app     cd APP && ${checkout}/lading create NAME && git push lading main`,
    ...(isLocal
      ? [`  from elsewhere    not by this name: names below localhost stay on a machine. Use: lading up --domain D`]
      : [
          `  from elsewhere    in a checkout of Lading there, once:`,
          `                      ssh root@${api} cat ${paths.token} | ./lading login https://${api} --fingerprint ${fingerprint}`,
        ]),
    `  trust             the platform's own CA: ${paths.caCertificate}, SHA-256 fingerprint`,
    `                    ${fingerprint}`,
  )
  const domain = site.decisions.baseDomain
  if (domain.endsWith('.sslip.io'))
    lines.push(
      `  DNS               names below ${domain} lead to that address, by the free service`,
      `                    sslip.io; for a domain of your own: lading up --domain D`,
    )
  else if (!isLocal) lines.push(`  DNS               point *.${domain} at this machine`)
  for (const { what, next } of closedToVisitors(await readOtherFirewalls(signal)))
    lines.push(`  firewall          ${what}; to open it:`, `                      ${next}`)
  if (!hasSystemd)
    lines.push(
      `  at each start     without systemd nothing brings it back: run ${checkout}/lading boot when the machine starts`,
    )
  if (site.decisions.baseDomain !== domainBefore) {
    lines.push(
      '',
      `  Apps answer below ${site.decisions.baseDomain} from now on, and no longer below ${domainBefore}.`,
      '  A folder that pushes here, and the one of hello, is set up once; git then asks for the name (lading) and the token:',
      `    git remote set-url lading ${scheme}://${api}/NAME.git`,
      `    git config http.${scheme}://${api}.sslCAInfo ${paths.caCertificate}`,
    )
  }
  const code = (await readIfThere(paths.unshownCode))?.trim()
  if (code !== undefined) {
    lines.push(
      '',
      '  Recovery code: write it down, it is shown only now. It decrypts the configuration of your apps',
      '  when the swarm is lost.',
      `    ${code}`,
    )
  }
  print(lines.join('\n') + '\n')
  if (code !== undefined) await rm(paths.unshownCode)
}

/** Not where the platform was restored: its owner's checkouts are elsewhere. */
async function hasExample(): Promise<boolean> {
  return (await stat(paths.hello).catch(() => null)) !== null
}
