/** `install-service`: writes the systemd unit, or prints it with `--print`. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { readArguments } from './arguments.ts'

const unitPath = '/etc/systemd/system/travessia-agent.service'
const stateDirectory = '/var/lib/travessia'

/**
 * Without `LoadCredential` and `ConfigurationDirectory`: the key is in the configuration
 * file below the state directory, and a credential that is missing would keep the service from starting.
 * `MemoryDenyWriteExecute` would stop V8, `PrivateDevices` would hide serial ports: both are left out.
 */
function unitOf(exec: { node: string; script: string; config: string; user: string }): string {
  return `[Unit]
Description=Travessia agent
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
Environment=MALLOC_ARENA_MAX=2
ExecStart=${[exec.node, '--max-old-space-size=128', '--max-semi-space-size=8', exec.script, 'run', '--config', exec.config].map(quoted).join(' ')}
User=${exec.user}
SupplementaryGroups=dialout video
StateDirectory=travessia
StateDirectoryMode=0700
Restart=always
RestartSec=2
RestartSteps=6
RestartMaxDelaySec=60
WatchdogSec=60
TimeoutStopSec=20
MemoryMax=256M
TasksMax=128
LimitNOFILE=4096
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=
DevicePolicy=closed
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyACM rw
DeviceAllow=char-video4linux rw
UMask=0077

[Install]
WantedBy=multi-user.target
`
}

export async function run(args: string[]): Promise<void> {
  const { text, has } = readArguments(args, {
    print: { type: 'boolean' },
    user: { type: 'string' },
  })
  const exec = {
    node: process.execPath,
    script: resolve(process.argv[1] ?? ''),
    config: text('config') ?? `${stateDirectory}/config.json`,
    user: text('user') ?? 'travessia',
  }
  for (const path of [exec.node, exec.script].filter(isHidden))
    process.stderr.write(
      `The service cannot see ${path} (ProtectHome): install it outside of /home.\n`,
    )
  const unit = unitOf(exec)
  if (has('print')) {
    process.stdout.write(unit)
    return
  }
  install(unit)
  const hasUser = requireUser(exec.user)
  process.stdout.write(
    `${unitPath} written.\n${hasUser ? '' : `Make the user: useradd --system ${exec.user}\n`}Next:
  ${exec.script} pair CODE --url URL --config ${exec.config}
  systemctl enable --now travessia-agent\n`,
  )
}

function install(unit: string): void {
  try {
    writeFileSync(unitPath, unit, { mode: 0o644 })
  } catch (cause) {
    const problem = `${unitPath} cannot be written: run as root, or use --print`
    throw new TravessiaError('CONFIG_INVALID', { problem }, { cause })
  }
  spawnSync('systemctl', ['daemon-reload'], { stdio: 'ignore' })
}

/** @returns false: there is no such user, and none could be made */
function requireUser(name: string): boolean {
  const run = (command: string, args: string[]) =>
    spawnSync(command, args, { stdio: 'ignore' }).status === 0
  const home = ['--home-dir', stateDirectory, '--shell', '/usr/sbin/nologin']
  return (
    run('getent', ['passwd', name]) || run('useradd', ['--system', '--user-group', ...home, name])
  )
}

function isHidden(path: string): boolean {
  return /^\/(home|root|run\/user)\//.test(path)
}

/** One word of an `Exec` line: `%` and `$` are not expanded, spaces do not split. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /[\s"'\\;]/.test(plain) ? `"${plain.replace(/["\\]/g, '\\$&')}"` : plain
}
