//! First-boot agent for highly available Kubernetes.
