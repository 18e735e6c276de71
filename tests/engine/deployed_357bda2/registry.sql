BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE consent_links (
	state_hash VARCHAR(64) NOT NULL, 
	connector VARCHAR(200) NOT NULL, 
	client_id VARCHAR(36) NOT NULL, 
	tenant_id VARCHAR(36) NOT NULL, 
	redirect_uri TEXT NOT NULL, 
	permission_hash VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	used_at DATETIME, 
	revoked_at DATETIME, 
	result_hash VARCHAR(64) NOT NULL, 
	outcome VARCHAR(20) NOT NULL, 
	detail TEXT NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (state_hash)
);
INSERT INTO "consent_links" VALUES('0594ad70dacb2b3c3a6c915717fc0954838d272b0f438c62de6ef57cec74cd76','orgcal/dev','7ca7fcb4-3e20-45ca-988d-15a8bece883b','22222222-2222-2222-2222-222222222222','http://localhost:8400/consent/callback','08bd51f524769b43525d4498eb139d27ad27876ad0d0250f21bf585dc8eb5e86','2026-11-28 14:26:55.278856','2026-12-05 14:26:55.278856','2026-11-28 14:26:55.357786',NULL,'b063119f33b272e46896d2110737d6f0ac43e4049a6b1247cc5e1d59f46497bb','done','','2026-11-28 14:26:55.408002');
INSERT INTO "consent_links" VALUES('cdf2f64ac9c1a63dfde6b229572e9c281ea6e6b83179a277f96ff3b652f83fe4','orgcal/dev','7ca7fcb4-3e20-45ca-988d-15a8bece883b','33333333-3333-3333-3333-333333333333','http://localhost:8400/consent/callback','08bd51f524769b43525d4498eb139d27ad27876ad0d0250f21bf585dc8eb5e86','2026-11-28 14:26:55.574902','2026-12-05 14:26:55.574902',NULL,'2026-11-28 14:27:19.487476','','','',NULL);
INSERT INTO "consent_links" VALUES('a2ec7fdf23cd1781c65ce64ac793f2893514dbcb484bb11c07fb54f5063b135d','orgcal/dev','7ca7fcb4-3e20-45ca-988d-15a8bece883b','33333333-3333-3333-3333-333333333333','http://localhost:8400/consent/callback','08bd51f524769b43525d4498eb139d27ad27876ad0d0250f21bf585dc8eb5e86','2026-11-28 14:27:18.592267','2026-12-05 14:27:18.592267',NULL,'2026-11-28 14:27:19.487476','','','',NULL);
CREATE TABLE log (
	entry INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	connector VARCHAR(200) NOT NULL, 
	operator VARCHAR(200) NOT NULL, 
	action VARCHAR(40) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	result VARCHAR(40) NOT NULL, 
	detail JSON NOT NULL, 
	PRIMARY KEY (entry)
);
INSERT INTO "log" VALUES(1,'2026-11-28 14:26:55.164352','orgcal/dev','ada','push','7ca7fcb4-3e20-45ca-988d-15a8bece883b','pushed','{"generation": 1, "platform": "local"}');
INSERT INTO "log" VALUES(2,'2026-11-28 14:26:55.195508','orgcal/dev','ada','add','22222222-2222-2222-2222-222222222222','added','{"name": "Contoso"}');
INSERT INTO "log" VALUES(3,'2026-11-28 14:26:55.199545','orgcal/dev','ada','add','33333333-3333-3333-3333-333333333333','added','{"name": "Fabrikam"}');
INSERT INTO "log" VALUES(4,'2026-11-28 14:26:55.282439','orgcal/dev','ada','link','22222222-2222-2222-2222-222222222222','made','{"expires_at": "2026-12-05T14:26:55.278856+00:00"}');
INSERT INTO "log" VALUES(5,'2026-11-28 14:26:55.361579','orgcal/dev','ada','callback','22222222-2222-2222-2222-222222222222','link used','{}');
INSERT INTO "log" VALUES(6,'2026-11-28 14:26:55.398504','orgcal/dev','ada','consent','22222222-2222-2222-2222-222222222222','verified','{"before": "invited"}');
INSERT INTO "log" VALUES(7,'2026-11-28 14:26:55.406236','orgcal/dev','ada','platform','22222222-2222-2222-2222-222222222222','registered','{}');
INSERT INTO "log" VALUES(8,'2026-11-28 14:26:55.409411','orgcal/dev','ada','consent','22222222-2222-2222-2222-222222222222','done','{}');
INSERT INTO "log" VALUES(9,'2026-11-28 14:26:55.575996','orgcal/dev','ada','link','33333333-3333-3333-3333-333333333333','made','{"expires_at": "2026-12-05T14:26:55.574902+00:00"}');
INSERT INTO "log" VALUES(10,'2026-11-28 14:26:55.672500','orgcal/dev','ada','verify','22222222-2222-2222-2222-222222222222','verified','{"before": "verified"}');
INSERT INTO "log" VALUES(11,'2026-11-28 14:27:09.221126','orgcal/dev','ada','rotate','generation 2','add','{"why": "asked for"}');
INSERT INTO "log" VALUES(12,'2026-11-28 14:27:09.892714','orgcal/dev','ada','rotate','generation 2','proved','{"way": "stack''s credential", "organisations": ["Contoso"], "said": "3 fresh tokens in a row in Contoso"}');
INSERT INTO "log" VALUES(13,'2026-11-28 14:27:14.782876','orgcal/dev','ada','rotate','generation 2','activate','{"why": "generation 2 is to replace generation 1"}');
INSERT INTO "log" VALUES(14,'2026-11-28 14:27:15.370367','orgcal/dev','ada','rotate','generation 2','proved','{"way": "platform''s tokens", "organisations": ["Contoso"], "said": "the platform itself took tokens in Contoso"}');
INSERT INTO "log" VALUES(15,'2026-11-28 14:27:18.596950','orgcal/dev','ada','link','33333333-3333-3333-3333-333333333333','made','{"expires_at": "2026-12-05T14:27:18.592267+00:00"}');
INSERT INTO "log" VALUES(16,'2026-11-28 14:27:19.489924','orgcal/dev','ada','link','33333333-3333-3333-3333-333333333333','revoked','{"count": 2}');
INSERT INTO "log" VALUES(17,'2026-11-28 14:27:19.494027','orgcal/dev','ada','remove','33333333-3333-3333-3333-333333333333','removed','{"before": "invited", "reason": "access was none"}');
INSERT INTO "log" VALUES(18,'2026-11-28 14:27:20.410417','orgcal/dev','ada','add','33333333-3333-3333-3333-333333333333','added','{"name": "Fabrikam", "domain": "fabrikam.example"}');
INSERT INTO "log" VALUES(19,'2026-11-28 14:27:23.731757','orgcal/dev','ada','verify','22222222-2222-2222-2222-222222222222','verified','{"before": "verified"}');
CREATE TABLE tenants (
	connector VARCHAR(200) NOT NULL, 
	tenant_id VARCHAR(36) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	domain VARCHAR(253) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	reason TEXT NOT NULL, 
	permission_hash VARCHAR(64) NOT NULL, 
	added_at DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	consented_at DATETIME, 
	invited_by VARCHAR(200) NOT NULL, 
	verified_at DATETIME, 
	verdict VARCHAR(10) NOT NULL, 
	PRIMARY KEY (connector, tenant_id)
);
INSERT INTO "tenants" VALUES('orgcal/dev','22222222-2222-2222-2222-222222222222','Contoso','','verified','','08bd51f524769b43525d4498eb139d27ad27876ad0d0250f21bf585dc8eb5e86','2026-11-28 14:26:55.193099','2026-11-28 14:27:23.731725','2026-11-28 14:26:55.398059','ada','2026-11-28 14:27:23.731405','pass');
INSERT INTO "tenants" VALUES('orgcal/dev','33333333-3333-3333-3333-333333333333','Fabrikam','fabrikam.example','invited','','','2026-11-28 14:26:55.198976','2026-11-28 14:27:20.409257',NULL,'ada',NULL,'');
CREATE INDEX consent_links_by_tenant ON consent_links (connector, tenant_id);
CREATE INDEX ix_consent_links_result_hash ON consent_links (result_hash);
CREATE INDEX ix_log_subject ON log (subject);
CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
COMMIT;

