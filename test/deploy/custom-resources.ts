// The resources of Traefik and External Secrets that our overlays use, as their definitions have them; kubernetes-models knows only
// Kubernetes' own.
// https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/http/ingressroute/
// https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/forwardauth/
// https://external-secrets.io/latest/api/externalsecret/

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface IMiddleware {
  readonly apiVersion: 'traefik.io/v1alpha1';
  readonly kind: 'Middleware';
  readonly metadata: Metadata;
  readonly spec: {
    readonly headers?: { readonly customRequestHeaders?: Readonly<Record<string, string>> };
    readonly forwardAuth?: {
      readonly address: string;
      readonly authResponseHeaders?: readonly string[];
      readonly trustForwardHeader?: boolean;
    };
  };
}

export interface IIngressRoute {
  readonly apiVersion: 'traefik.io/v1alpha1';
  readonly kind: 'IngressRoute';
  readonly metadata: Metadata;
  readonly spec: {
    readonly entryPoints?: readonly string[];
    readonly routes: readonly {
      readonly kind: 'Rule';
      readonly match: string;
      readonly priority?: number;
      readonly middlewares?: readonly { readonly name: string; readonly namespace?: string }[];
      readonly services: readonly { readonly name: string; readonly port: string | number }[];
    }[];
    readonly tls?: { readonly secretName?: string; readonly certResolver?: string };
  };
}

export interface IExternalSecret {
  readonly apiVersion: 'external-secrets.io/v1';
  readonly kind: 'ExternalSecret';
  readonly metadata: Metadata;
  readonly spec: {
    readonly refreshInterval?: string;
    readonly secretStoreRef: { readonly kind: 'SecretStore' | 'ClusterSecretStore'; readonly name: string };
    readonly target: {
      readonly name: string;
      readonly creationPolicy?: 'Owner' | 'Orphan' | 'Merge' | 'None';
    };
    readonly data: readonly {
      readonly secretKey: string;
      readonly remoteRef: { readonly key: string; readonly property?: string };
    }[];
  };
}
