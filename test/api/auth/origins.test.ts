import { expect, test } from 'vitest'
import { originPolicy } from '../../../api/auth/origins.ts'

const listed = originPolicy({
  allowedOrigins: ['https://chat.example', 'http://localhost:3000'],
  host: '0.0.0.0',
})
const everybody = originPolicy({ allowedOrigins: ['*'], host: '0.0.0.0' })
const open = originPolicy({ allowedOrigins: undefined, host: '0.0.0.0' })
const developing = originPolicy({ allowedOrigins: undefined, host: '127.0.0.1' })

test('of a list, exactly its pages are allowed', () => {
  expect(listed('https://chat.example', 'api.example')).toBe(true)
  expect(listed('http://localhost:3000', 'api.example')).toBe(true)
  for (const origin of [
    'http://chat.example',
    'https://chat.example:8443',
    'https://chat.example.evil',
    'https://evil.chat.example',
    'https://api.example',
    'null',
    '',
  ]) {
    expect(listed(origin, 'api.example'), origin).toBe(false)
  }
})

test('`*` allows every page, also one without an origin', () => {
  expect(everybody('https://anywhere.example', 'api.example')).toBe(true)
  expect(everybody('null', 'api.example')).toBe(true)
})

test('without a list, pages of the host that is asked are allowed, whoever ends TLS before us', () => {
  expect(open('https://api.example', 'api.example')).toBe(true)
  expect(open('https://api.example', 'API.example')).toBe(true)
  expect(open('http://api.example:8080', 'api.example:8080')).toBe(true)
  for (const origin of [
    'https://evil.example',
    'https://api.example:444',
    'http://localhost:3000',
    'null',
    'x',
  ]) {
    expect(open(origin, 'api.example'), origin).toBe(false)
  }
  expect(open('https://api.example', undefined)).toBe(false)
})

test('a server for this machine alone takes all pages of this machine, and no others', () => {
  for (const origin of [
    'http://localhost:5173',
    'http://127.0.0.1:3000',
    'http://[::1]:3000',
    'https://localhost',
  ]) {
    expect(developing(origin, '127.0.0.1:8080'), origin).toBe(true)
  }
  for (const origin of [
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'null',
  ]) {
    expect(developing(origin, '127.0.0.1:8080'), origin).toBe(false)
  }
})
