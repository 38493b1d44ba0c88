// A real OpenID provider (npm oidc-provider) with a form for signing in. Anybody is who they say; `groups` are after a +.
// node provider.mjs '{"port": 9000, "clients": [...]}' prints a line when it is there, and serves until it is ended.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { port, clients } = JSON.parse(process.argv[2]);
const server = createServer();
server.listen(port, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    cookies: { keys: ['only for tests'] },
    async findAccount(ctx, id) {
      const [name, ...groups] = id.split('+');
      return {
        accountId: id,
        claims: async () => ({
          sub: id, name: name.split('@')[0], email: name, email_verified: name.includes('@'), groups,
        }),
      };
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
