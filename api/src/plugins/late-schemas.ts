/**
 * Fastify's own compilers of schemas, each called at the first request that needs it: all of them at once are a fifth of
 * the node's start, while agents wait. Text is converted where all there is is text, in addresses and headers; a body says
 * itself what it means: `""` is not null there, and null not false.
 */
import AjvCompiler, {
  type BuildCompilerFromPool,
  type RouteDefinition,
} from '@fastify/ajv-compiler'
import SerializerSelector, { type SerializerFactory } from '@fastify/fast-json-stringify-compiler'

const buildValidator: BuildCompilerFromPool = (...given) => {
  const compileText = AjvCompiler()(...given)
  const [schemas, options] = given
  const compileBody = AjvCompiler()(schemas, {
    ...(options as object),
    customOptions: { ...(options?.customOptions as object), coerceTypes: false },
  })
  return (...route) => {
    const [{ httpPart }] = route as unknown as [RouteDefinition]
    const compile = httpPart === 'body' ? compileBody : compileText
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
