/**
 * Fastify's own compilers of schemas, each called at the first request that needs it: all of them at once are a fifth of
 * the node's start, while agents wait.
 */
import AjvCompiler, { type BuildCompilerFromPool } from '@fastify/ajv-compiler'
import SerializerSelector, { type SerializerFactory } from '@fastify/fast-json-stringify-compiler'

const buildValidator: BuildCompilerFromPool = (...given) => {
  const compile = AjvCompiler()(...given)
  return (...route) => {
    type Validate = ReturnType<typeof compile>
    let compiled: Validate | undefined
    const validate = (value: unknown) => {
      compiled ??= compile(...route)
      const isValid = compiled(value)
      Object.assign(validate, { errors: compiled.errors })
      return isValid
    }
    return validate as Validate
  }
}

const buildSerializer: SerializerFactory = (...given) => {
  const compile = SerializerSelector()(...given)
  return (route) => {
    let serialize: ReturnType<typeof compile> | undefined
    return (value) => {
      serialize ??= compile(route)
      return serialize(value)
    }
  }
}

export const lateSchemas = { buildValidator, buildSerializer }
