/**
 * What the HTTP API takes and gives, as types: all that the app wants of it, so no schema gets into its bundle. The schemas
 * are in `api/`, one file for each subject of the routes.
 */
export type { SignedIn, User } from './api/accounts.ts'
export type { AgentState, AgentToken, PairingCode } from './api/agents.ts'
export type { AuditEvent, AuditSession } from './api/audit.ts'
export type { Approval, CommandState, IssuedCommand, KeptFile, Policy } from './api/commands.ts'
export type { Device, DeviceBody, DeviceHistory, Found, KnownState } from './api/devices.ts'
export type { Installation } from './api/installations.ts'
export type { LiveFact, LiveHeartbeat, LiveState } from './api/live.ts'
export type { PassageItem } from './api/passages.ts'
export type { Problem } from './api/problem.ts'
export type { ProxyAnswer, ProxyBody } from './api/proxy.ts'
export type { OpenedSession, Session } from './api/sessions.ts'
