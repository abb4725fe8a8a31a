package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

type webKeys struct {
	Keys []struct{ Use, Kty, Kid, Alg, N, E, Crv, X, Y, D string }
}

type issuerDocument struct {
	Issuer  string   `json:"issuer"`
	Keys    string   `json:"jwks_uri"`
	Types   []string `json:"response_types_supported"`
	Subject []string `json:"subject_types_supported"`
	Algs    []string `json:"id_token_signing_alg_values_supported"`
}

func numberOf(text string) *big.Int {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	must(err)
	return new(big.Int).SetBytes(raw)
}

// verify checks a token's signature with the published keys and gives what it claims.
func verify(token string, keys webKeys) map[string]any {
	parts := strings.Split(token, ".")
	that(len(parts) == 3, "%d parts", len(parts))
	var head struct{ Kid, Alg string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	must(err)
	must(json.Unmarshal(raw, &head))
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	must(err)
	found := false
	for _, key := range keys.Keys {
		if key.Kid != head.Kid {
			continue
		}
		that(key.Use == "sig" && key.Alg == head.Alg && key.D == "", "key %+v", key)
		if key.Kty == "RSA" {
			public := &rsa.PublicKey{N: numberOf(key.N), E: int(numberOf(key.E).Int64())}
			found = rsa.VerifyPKCS1v15(public, crypto.SHA256, hash[:], signature) == nil
		} else {
			public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: numberOf(key.X), Y: numberOf(key.Y)}
			found = ecdsa.Verify(public, hash[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		}
	}
	that(found, "no published key has signed it: %+v", head)
	raw, err = base64.RawURLEncoding.DecodeString(parts[1])
	must(err)
	claims := map[string]any{}
	must(json.Unmarshal(raw, &claims))
	return claims
}

func publishesItsKeys(b *bench) {
	document := issuerDocument{}
	raw, err := b.typed.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(b.ctx)
	must(err)
	must(json.Unmarshal(raw, &document))
	that(document.Types[0] == "id_token" && document.Subject[0] == "public" && len(document.Algs) > 0, "%+v", document)
	that(strings.HasSuffix(document.Keys, "/openid/v1/jwks"), "keys at %s", document.Keys)
	raw, err = b.typed.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(b.ctx)
	must(err)
	keys := webKeys{}
	must(json.Unmarshal(raw, &keys))
	eventually(b, "the default account", func() bool {
		_, err := b.typed.CoreV1().ServiceAccounts(b.ns).Get(b.ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	pod, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bound"}, Spec: podSpecOf()}, metav1.CreateOptions{})
	must(err)
	answer, err := b.typed.CoreV1().ServiceAccounts(b.ns).CreateToken(b.ctx, "default", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: "bound", UID: pod.UID}}}, metav1.CreateOptions{})
	must(err)
	claims := verify(answer.Status.Token, keys)
	that(claims["iss"] == document.Issuer && claims["sub"] == "system:serviceaccount:"+b.ns+":default", "claims %v", claims)
	inner := claims["kubernetes.io"].(map[string]any)
	that(inner["namespace"] == b.ns && inner["pod"].(map[string]any)["uid"] == string(pod.UID), "claims %v", inner)
	that(claims["exp"].(float64)-claims["iat"].(float64) >= 3600 && claims["jti"] != "", "claims %v", claims)
	review := func() authenticationv1.TokenReviewStatus {
		got, err := b.typed.AuthenticationV1().TokenReviews().Create(b.ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: answer.Status.Token}}, metav1.CreateOptions{})
		must(err)
		return got.Status
	}
	who := review()
	that(who.Authenticated && who.User.Extra["authentication.kubernetes.io/pod-name"][0] == "bound", "who: %+v", who)
	zero := int64(0)
	must(b.typed.CoreV1().Pods(b.ns).Delete(b.ctx, "bound", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
	that(!review().Authenticated, "it outlives its pod")
}

// A pod is given a token, the root certificates and its namespace, unless it or its account says no.
func projectsTokens(b *bench) {
	no, yes := false, true
	for name, automount := range map[string]*bool{"mount": &yes, "nomount": &no, "unset": nil} {
		_, err := b.typed.CoreV1().ServiceAccounts(b.ns).Create(b.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}, AutomountServiceAccountToken: automount}, metav1.CreateOptions{})
		must(err)
		for own, wish := range map[string]*bool{"yes": &yes, "no": &no, "none": nil} {
			spec := podSpecOf()
			spec.ServiceAccountName, spec.AutomountServiceAccountToken = name, wish
			pod, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + own}, Spec: spec}, metav1.CreateOptions{})
			must(err)
			mounts := len(pod.Spec.Containers[0].VolumeMounts)
			wanted := wish == &yes || (wish == nil && automount != &no)
			that((mounts == 1) == wanted && len(pod.Spec.Volumes) == mounts, "%s: %d mounts", pod.Name, mounts)
			if !wanted {
				continue
			}
			that(pod.Spec.Containers[0].VolumeMounts[0].MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" &&
				pod.Spec.Containers[0].VolumeMounts[0].ReadOnly, "mount %+v", pod.Spec.Containers[0].VolumeMounts[0])
			sources := pod.Spec.Volumes[0].Projected.Sources
			that(len(sources) == 3 && *sources[0].ServiceAccountToken.ExpirationSeconds == 3607 && sources[1].ConfigMap.Name == "kube-root-ca.crt" &&
				sources[2].DownwardAPI.Items[0].Path == "namespace", "sources %+v", sources)
		}
	}
	_, err := b.typed.CoreV1().Pods(b.ns).Create(b.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.PodSpec{
		ServiceAccountName: "nobody", Containers: podSpecOf().Containers}}, metav1.CreateOptions{})
	that(apierrors.IsForbidden(err) && strings.Contains(err.Error(), `serviceaccount "nobody" not found`), "nobody: %v", err)
}

// The root certificates and an account come into each namespace, come again and are what they should be.
func keepsWhatNamespacesHave(b *bench) {
	maps := b.typed.CoreV1().ConfigMaps(b.ns)
	there := func() bool {
		now, err := maps.Get(b.ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err == nil && strings.HasPrefix(now.Data["ca.crt"], "-----BEGIN CERTIFICATE")
	}
	eventually(b, "it is there", there)
	must(maps.Delete(b.ctx, "kube-root-ca.crt", metav1.DeleteOptions{}))
	eventually(b, "it comes again", there)
	_, err := maps.Update(b.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kube-root-ca.crt"}, Data: map[string]string{"ca.crt": ""}}, metav1.UpdateOptions{})
	must(err)
	eventually(b, "it is made right", there)
	account := func() types.UID {
		now, err := b.typed.CoreV1().ServiceAccounts(b.ns).Get(b.ctx, "default", metav1.GetOptions{})
		if err != nil {
			return ""
		}
		return now.UID
	}
	eventually(b, "the account is there", func() bool { return account() != "" })
	before := account()
	must(b.typed.CoreV1().ServiceAccounts(b.ns).Delete(b.ctx, "default", metav1.DeleteOptions{}))
	eventually(b, "the account comes again", func() bool { return account() != "" && account() != before })
}

func reviewsSubjects(b *bench) {
	user := "system:serviceaccount:" + b.ns + ":robot"
	attributes := &authorizationv1.ResourceAttributes{Verb: "list", Resource: "configmaps", Version: "v1", Namespace: b.ns}
	ask := func() (bool, bool) {
		wide, err := b.typed.AuthorizationV1().SubjectAccessReviews().Create(b.ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: attributes}}, metav1.CreateOptions{})
		must(err)
		local, err := b.typed.AuthorizationV1().LocalSubjectAccessReviews(b.ns).Create(b.ctx, &authorizationv1.LocalSubjectAccessReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.ns},
			Spec:       authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: attributes}}, metav1.CreateOptions{})
		must(err)
		return wide.Status.Allowed, local.Status.Allowed
	}
	wide, local := ask()
	that(!wide && !local, "before: %v, %v", wide, local)
	as := rest.CopyConfig(b.config)
	as.Impersonate = rest.ImpersonationConfig{UserName: user}
	robot, err := kubernetes.NewForConfig(as)
	must(err)
	_, err = robot.CoreV1().ConfigMaps(b.ns).List(b.ctx, metav1.ListOptions{})
	that(apierrors.IsForbidden(err), "robot: %v", err)
	must(madeRole(b, user))
	wide, local = ask()
	that(wide && local, "after: %v, %v", wide, local)
	_, err = robot.CoreV1().ConfigMaps(b.ns).List(b.ctx, metav1.ListOptions{})
	must(err)
	self, err := robot.AuthenticationV1().SelfSubjectReviews().Create(b.ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(err)
	that(self.Status.UserInfo.Username == user, "it is %+v", self.Status.UserInfo)
}

func madeRole(b *bench, user string) error {
	binding := fmt.Sprintf(`{"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":%q}],
		"roleRef":{"kind":"ClusterRole","apiGroup":"rbac.authorization.k8s.io","name":"view"}}`, user)
	madeAt(b, "rbac.authorization.k8s.io/v1/rolebindings", binding)
	return nil
}

// selfSigned is a certificate as the JSON of bytes.
func selfSigned(key *ecdsa.PrivateKey) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(crand.Reader, template, template, key.Public(), key)
	must(err)
	text, err := json.Marshal(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	must(err)
	return string(text)
}

func requestsCertificates(b *bench) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	must(err)
	der, err := x509.CreateCertificateRequest(crand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "e2e.example.com"}}, key)
	must(err)
	requests, seconds, signer := b.typed.CertificatesV1().CertificateSigningRequests(), int32(3600), "example.com/"+b.ns
	object := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), SignerName: signer, ExpirationSeconds: &seconds,
		Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth}}}
	live(b, requests, object)
	made, err := requests.Create(b.ctx, object, metav1.CreateOptions{})
	must(err)
	that(made.Spec.Username != "" && len(made.Spec.Groups) > 0, "made by %+v", made.Spec)
	list, err := requests.List(b.ctx, metav1.ListOptions{FieldSelector: "spec.signerName=" + signer})
	must(err)
	that(len(list.Items) == 1, "%d of the signer", len(list.Items))
	patched, err := requests.Patch(b.ctx, made.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"patchedapproval":"true"}},
		"status":{"conditions":[{"type":"ApprovalPatch","status":"True","reason":"e2e"}]}}`), metav1.PatchOptions{}, "approval")
	must(err)
	that(len(patched.Status.Conditions) == 1 && patched.Annotations["patchedapproval"] == "true", "approval %+v", patched)
	patched.Status.Conditions = append(patched.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "E2E", Message: "from a test"})
	approved, err := requests.UpdateApproval(b.ctx, made.Name, patched, metav1.UpdateOptions{})
	must(err)
	that(len(approved.Status.Conditions) == 2 && !approved.Status.Conditions[1].LastUpdateTime.IsZero(), "conditions %+v", approved.Status.Conditions)
	text := selfSigned(key)
	patched, err = requests.Patch(b.ctx, made.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"patchedstatus":"true"}},"status":{"certificate":`+text+`}}`), metav1.PatchOptions{}, "status")
	must(err)
	that(len(patched.Status.Certificate) > 0 && patched.Annotations["patchedstatus"] == "true", "status %+v", patched.Status)
	must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := requests.Get(b.ctx, made.Name, metav1.GetOptions{})
		must(err)
		now.Status.Conditions = append(now.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: "StatusUpdate", Status: corev1.ConditionTrue, Reason: "E2E"})
		now, err = requests.UpdateStatus(b.ctx, now, metav1.UpdateOptions{})
		that(err != nil || len(now.Status.Conditions) == 3, "conditions %+v", now.Status.Conditions)
		return err
	}))
	must(requests.Delete(b.ctx, made.Name, metav1.DeleteOptions{}))
}
