//! Kubeconfigs of people: admin.conf, and break-glass.conf for an emergency.

use std::time::Duration;

use crate::emit::Page;
use crate::fault::Fault;
use crate::kubeconfig::{Kubeconfig, User};
use crate::pki::authority::Authority;
use crate::pki::client;

use super::{FileKind, Material, MintedFile, documents, end, power, sign};

/// Whose kubeconfig.
#[derive(Clone, Copy)]
pub(super) enum Administrator {
    Admin,
    BreakGlass,
}

impl Administrator {
    const fn file_name(self) -> &'static str {
        match self {
            Self::Admin => "admin.conf",
            Self::BreakGlass => "break-glass.conf",
        }
    }

    /// User name and group, as kubeadm's own admin.conf and super-admin.conf have them (kubeadm.md §2.1).
    const fn user(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin => ("kubernetes-admin", client::CLUSTER_ADMINS),
            Self::BreakGlass => ("kubernetes-super-admin", client::MASTERS),
        }
    }

    const fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::Admin => 7 * 86_400,
            Self::BreakGlass => 86_400,
        })
    }

    /// The kubeconfig, signed now.
    pub(super) fn file(self, material: &Material<'_>, authority: &Authority) -> Result<MintedFile, Fault> {
        let (spec, options, name) = (material.spec, &material.options, self.file_name());
        // What nothing can cut off but its end is never made to last longer.
        let life = match (self, options.admin_valid_for) {
            (Self::Admin, Some(told)) => told,
            (Self::BreakGlass, Some(told)) => told.min(self.life()),
            (_, None) => self.life(),
        };
        let until = end(options.now, life, "--admin-valid-for")?;
        let (user, group) = self.user();
        let identity = sign(authority, user, group, options.now, until)?;
        let power = power::of_administrator(self);
        let mut page = Page::new();
        page.comment(&format!("{name}: administers cluster {} (kubectl --kubeconfig {name}); {}.", spec.name, documents::birth(material)));
        page.comment(&match self {
            Self::Admin => format!("Good until {until}, from the moment init has given group {group} its rights."),
            Self::BreakGlass => {
                format!("Good until {until}, for the day when RBAC itself is broken; keep it offline, use admin.conf otherwise.")
            }
        });
        page.comment(&format!("Power: {power}."));
        Kubeconfig {
            cluster: spec.name.clone(),
            server: spec.endpoint.url(),
            certificate_authority: material.certificate_authority.clone(),
            user_name: user.to_owned(),
            user: User::Certificate { certificate: identity.certificate_pem, key: identity.key_pem },
        }
        .write(&mut page);
        let purpose = match self {
            Self::Admin => "you",
            Self::BreakGlass => "you, in an emergency",
        };
        Ok(MintedFile {
            name: name.to_owned(),
            kind: FileKind::Kubeconfig,
            bytes: page.finish(),
            purpose: purpose.to_owned(),
            power: power.to_owned(),
            secret: true,
            until: Some(until),
        })
    }
}
