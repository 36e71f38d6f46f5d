(* The derivative of a function between two spaces, and its rules. *)
From BPTT Require Export Sums Space.
From Coq Require Import List Reals Lra.
Import ListNotations.
Open Scope R_scope.

(* A bounded linear map (between spaces of finitely many numbers every linear map is bounded). *)
Record linear {V W : space} (D : V -> W) : Prop := {
  linear_add : forall u v, same (D (vadd u v)) (vadd (D u) (D v));
  linear_scale : forall s v, same (D (vscale s v)) (vscale s (D v));
  linear_bound : exists M, 0 <= M /\ forall v, norm (D v) <= M * norm v }.

(* The textbook derivative (Frechet): f y = f x + D (y - x) up to a rest that is small against y - x. *)
Definition derivative {V W : space} (f : V -> W) (x : V) (D : V -> W) : Prop :=
  linear D /\
  forall eps, 0 < eps -> exists delta, 0 < delta /\
    forall y, norm (vsub y x) < delta -> norm (vsub (vsub (f y) (f x)) (D (vsub y x))) <= eps * norm (vsub y x).

(* A number r y that is small against the distance of y from x. *)
Definition small {V : space} (x : V) (r : V -> R) : Prop :=
  forall eps, 0 < eps -> exists delta, 0 < delta /\
    forall y, norm (vsub y x) < delta -> Rabs (r y) <= eps * norm (vsub y x).

Section Small.
Context {V : space} (x : V).

Lemma small_ext r s : (forall y, r y = s y) -> small x r -> small x s.
Proof. intros e h eps pos. destruct (h eps pos) as [d [dpos b]]. exists d. split; auto. intros. rewrite <- e. auto. Qed.

Lemma small_zero : small x (fun _ => 0).
Proof.
  intros eps pos. exists 1. split; [lra |]. intros y _. rewrite Rabs_R0.
  apply Rmult_le_pos; [lra | apply norm_nonneg].
Qed.

Lemma small_add r s : small x r -> small x s -> small x (fun y => r y + s y).
Proof.
  intros h k eps pos. destruct (h (eps / 2)) as [d [dpos b]]; [lra |]. destruct (k (eps / 2)) as [e [epos c]]; [lra |].
  exists (Rmin d e). split; [now apply Rmin_pos |]. intros y near.
  apply Rle_trans with (1 := Rabs_triang _ _).
  specialize (b y (Rlt_le_trans _ _ _ near (Rmin_l _ _))). specialize (c y (Rlt_le_trans _ _ _ near (Rmin_r _ _))). lra.
Qed.

(* At most K times a rest, near x. *)
Lemma small_le K r s : 0 <= K -> small x r -> (exists d, 0 < d /\ forall y, norm (vsub y x) < d -> Rabs (s y) <= K * Rabs (r y)) -> small x s.
Proof.
  intros kpos h [d [dpos le]] eps pos. destruct (h (eps / (K + 1))) as [e [epos b]]; [apply Rdiv_lt_0_compat; lra |].
  exists (Rmin d e). split; [now apply Rmin_pos |]. intros y near.
  specialize (le y (Rlt_le_trans _ _ _ near (Rmin_l _ _))). specialize (b y (Rlt_le_trans _ _ _ near (Rmin_r _ _))).
  pose proof (norm_nonneg (vsub y x)) as npos. pose proof (Rabs_pos (r y)).
  apply Rle_trans with (1 := le). apply Rle_trans with ((K + 1) * (eps / (K + 1) * norm (vsub y x))).
  - apply Rmult_le_compat; lra.
  - right. field. lra.
Qed.

Lemma small_scale k r : small x r -> small x (fun y => k * r y).
Proof.
  intros h. apply small_le with (Rabs k) r; auto using Rabs_pos. exists 1. split; [lra |]. intros y _. rewrite Rabs_mult. lra.
Qed.

Lemma small_sum {A} (l : list A) (r : A -> V -> R) : (forall i, In i l -> small x (r i)) -> small x (fun y => sum l (fun i => r i y)).
Proof.
  induction l; intros h; [apply small_zero |].
  apply small_add with (r := r a) (s := fun y => sum l (fun i => r i y)); [| apply IHl; intros]; apply h; simpl; auto.
Qed.
End Small.

(* A derivative is one of every number of the result, and conversely. *)
Lemma derivative_coordinates {V W : space} (f : V -> W) x D :
  derivative f x D <-> linear D /\ forall c, In c (coordinates W) -> small x (fun y => c (f y) - c (f x) - c (D (vsub y x))).
Proof.
  split; intros [lin h]; split; auto.
  - intros c here eps pos. destruct (h eps pos) as [d [dpos b]]. exists d. split; auto. intros y near.
    apply Rle_trans with (2 := b y near).
    apply Rle_trans with (2 := coordinate_norm c (vsub (vsub (f y) (f x)) (D (vsub y x))) here). coords. lra.
  - intros eps pos.
    destruct (small_sum x (coordinates W) (fun c y => Rabs (c (f y) - c (f x) - c (D (vsub y x))))) with (eps := eps) as [d [dpos b]]; auto.
    { intros c here. apply small_le with 1 (fun y => c (f y) - c (f x) - c (D (vsub y x))); auto; [lra |].
      exists 1. split; [lra |]. intros. rewrite Rabs_Rabsolu. lra. }
    exists d. split; auto. intros y near. apply Rle_trans with (2 := b y near). apply Rle_trans with (2 := Rle_abs _).
    right. apply sum_ext. intros c here. now coords.
Qed.

Lemma linear_coordinates {V W : space} (D : V -> W) :
  (forall c, In c (coordinates W) -> (forall u v, c (D (vadd u v)) = c (D u) + c (D v)) /\ (forall s v, c (D (vscale s v)) = s * c (D v))
     /\ exists M, 0 <= M /\ forall v, Rabs (c (D v)) <= M * norm v) -> linear D.
Proof.
  intros h. split.
  - intros u v c here. coords. now apply h.
  - intros s v c here. coords. now apply h.
  - unfold norm at 1. revert h. generalize (coordinates W). intros l. induction l as [| c l IH]; intros h.
    + exists 0. split; [lra |]. intros. rewrite sum_nil. lra.
    + destruct IH as [M [mpos b]]; [intros; apply h; simpl; auto |].
      destruct (h c) as [_ [_ [N [npos e]]]]; [simpl; auto |].
      exists (N + M). split; [lra |]. intros v. rewrite sum_cons. specialize (b v). specialize (e v). lra.
Qed.

Section Linear.
Context {V W : space} (D : V -> W) (lin : linear D).

Lemma linear_sub u v : same (D (vsub u v)) (vsub (D u) (D v)).
Proof.
  intros c here. unfold vsub at 1. rewrite (linear_add _ lin) by auto. coords. rewrite (linear_scale _ lin) by auto. coords. ring.
Qed.

Lemma linear_same u v : same u v -> same (D u) (D v).
Proof.
  intros e. apply norm_zero_same. rewrite <- (norm_same _ _ (linear_sub u v)).
  destruct (linear_bound _ lin) as [M [_ b]]. specialize (b (vsub u v)).
  assert (z : norm (vsub u v) = 0) by (apply sum_zero_ext; intros c here; coords; rewrite e, Rminus_diag_eq, Rabs_R0; auto).
  rewrite z in b. pose proof (norm_nonneg (D (vsub u v))). lra.
Qed.
End Linear.

(* f y - f x is at most a multiple of y - x, near x. *)
Lemma derivative_lipschitz {V W : space} (f : V -> W) x D :
  derivative f x D -> exists K d, 0 < K /\ 0 < d /\ forall y, norm (vsub y x) < d -> norm (vsub (f y) (f x)) <= K * norm (vsub y x).
Proof.
  intros [lin h]. destruct (linear_bound _ lin) as [M [mpos bound]]. destruct (h 1) as [d [dpos b]]; [lra |].
  exists (M + 1), d. split; [lra | split; auto]. intros y near. specialize (b y near). specialize (bound (vsub y x)).
  apply Rle_trans with (norm (vadd (vsub (vsub (f y) (f x)) (D (vsub y x))) (D (vsub y x)))).
  - right. apply norm_same. intros c here. coords. ring.
  - apply Rle_trans with (1 := norm_add _ _). lra.
Qed.

(* The chain rule. *)
Lemma derivative_chain {U V W : space} (f : U -> V) (g : V -> W) x D E :
  derivative f x D -> derivative g (f x) E -> derivative (fun y => g (f y)) x (fun v => E (D v)).
Proof.
  intros df [elin h]. destruct (derivative_lipschitz _ _ _ df) as [K [d [kpos [dpos lip]]]]. destruct df as [dlin k].
  destruct (linear_bound _ dlin) as [M [mpos dbound]]. destruct (linear_bound _ elin) as [N [npos ebound]].
  split.
  - split.
    + intros u v. apply same_trans with (E (vadd (D u) (D v))); [apply linear_same; auto; apply (linear_add _ dlin) | apply (linear_add _ elin)].
    + intros s v. apply same_trans with (E (vscale s (D v))); [apply linear_same; auto; apply (linear_scale _ dlin) | apply (linear_scale _ elin)].
    + exists (N * M). split; [now apply Rmult_le_pos |]. intros v. apply Rle_trans with (1 := ebound _). rewrite Rmult_assoc.
      apply Rmult_le_compat_l; auto.
  - intros eps pos.
    destruct (h (eps / 2 / K)) as [d1 [d1pos b1]]; [repeat apply Rdiv_lt_0_compat; lra |].
    destruct (k (eps / 2 / (N + 1))) as [d2 [d2pos b2]]; [repeat apply Rdiv_lt_0_compat; lra |].
    exists (Rmin d (Rmin (d1 / K) d2)). split; [repeat apply Rmin_pos; auto; now apply Rdiv_lt_0_compat |].
    intros y near.
    assert (n0 : norm (vsub y x) < d) by (apply Rlt_le_trans with (1 := near); apply Rmin_l).
    assert (n1 : norm (vsub y x) < d1 / K) by (apply Rlt_le_trans with (1 := near); eapply Rle_trans; [apply Rmin_r | apply Rmin_l]).
    assert (n2 : norm (vsub y x) < d2) by (apply Rlt_le_trans with (1 := near); eapply Rle_trans; [apply Rmin_r | apply Rmin_r]).
    specialize (lip y n0). specialize (b2 y n2).
    assert (nf : norm (vsub (f y) (f x)) < d1).
    { apply Rle_lt_trans with (1 := lip). apply Rmult_lt_compat_l with (r := K) in n1; auto.
      replace (K * (d1 / K)) with d1 in n1 by (field; lra). auto. }
    specialize (b1 (f y) nf). specialize (ebound (vsub (vsub (f y) (f x)) (D (vsub y x)))).
    apply Rle_trans with (norm (vadd (vsub (vsub (g (f y)) (g (f x))) (E (vsub (f y) (f x)))) (E (vsub (vsub (f y) (f x)) (D (vsub y x)))))).
    { right. apply norm_same. intros c here. coords. rewrite (linear_sub _ elin _ (D (vsub y x))) by auto. coords. ring. }
    apply Rle_trans with (1 := norm_add _ _).
    assert (p1 : eps / 2 / K * norm (vsub (f y) (f x)) <= eps / 2 * norm (vsub y x)).
    { replace (eps / 2 * norm (vsub y x)) with (eps / 2 / K * (K * norm (vsub y x))) by (field; lra).
      apply Rmult_le_compat_l; auto. repeat apply Rmult_le_pos; try lra. left. now apply Rinv_0_lt_compat. }
    assert (p2 : N * norm (vsub (vsub (f y) (f x)) (D (vsub y x))) <= eps / 2 * norm (vsub y x)).
    { replace (eps / 2 * norm (vsub y x)) with ((N + 1) * (eps / 2 / (N + 1) * norm (vsub y x))) by (field; lra).
      apply Rmult_le_compat; auto using norm_nonneg. lra. }
    lra.
Qed.

(* A bounded linear map is its own derivative. *)
Lemma derivative_linear {V W : space} (f : V -> W) x : linear f -> derivative f x f.
Proof.
  intros lin. split; auto. intros eps pos. exists 1. split; [lra |]. intros y _.
  replace (norm (vsub (vsub (f y) (f x)) (f (vsub y x)))) with 0.
  - apply Rmult_le_pos; [lra | apply norm_nonneg].
  - symmetry. apply sum_zero_ext. intros c here. coords. rewrite (linear_sub _ lin) by auto. coords.
    rewrite Rminus_diag_eq, Rabs_R0; auto.
Qed.

Lemma derivative_ext {V W : space} (f g : V -> W) x D E :
  (forall y, same (f y) (g y)) -> (forall v, same (D v) (E v)) -> derivative f x D -> derivative g x E.
Proof.
  intros e d [lin h]. split.
  - split.
    + intros u v c here. coords. rewrite <- !d by auto. rewrite (linear_add _ lin) by auto. now coords.
    + intros s v c here. coords. rewrite <- !d by auto. rewrite (linear_scale _ lin) by auto. now coords.
    + destruct (linear_bound _ lin) as [M [mpos b]]. exists M. split; auto. intros v. rewrite <- (norm_same _ _ (d v)). auto.
  - intros eps pos. destruct (h eps pos) as [delta [dpos b]]. exists delta. split; auto. intros y near.
    rewrite <- (norm_same (vsub (vsub (f y) (f x)) (D (vsub y x)))); auto.
    intros c here. coords. rewrite e, (e x), d; auto.
Qed.

Lemma linear_identity (V : space) : linear (fun v : V => v).
Proof. split; intros; try easy. exists 1. split; [lra |]. intros. lra. Qed.

Lemma linear_constant_zero (V W : space) : linear (fun _ : V => vzero : W).
Proof.
  split; [intros u v c here; coords; ring | intros s v c here; coords; ring |].
  exists 0. split; [lra |]. intros. right. rewrite Rmult_0_l. apply sum_zero_ext. intros c here. coords. apply Rabs_R0.
Qed.

Lemma linear_fst (V W : space) : linear (fun v : Pair V W => fst v).
Proof. split; intros; try easy. exists 1. split; [lra |]. intros. rewrite norm_pair. pose proof (norm_nonneg (snd v)). lra. Qed.

Lemma linear_snd (V W : space) : linear (fun v : Pair V W => snd v).
Proof. split; intros; try easy. exists 1. split; [lra |]. intros. rewrite norm_pair. pose proof (norm_nonneg (fst v)). lra. Qed.

Lemma linear_entry (A : indices) (V : space) i : In i A -> linear (fun v : Power A V => v i).
Proof.
  intros here. split; intros; try easy. exists 1. split; [lra |]. intros v. rewrite norm_power.
  pose proof (term_le_sum _ (fun i => norm (v i)) i (fun i _ => norm_nonneg (v i)) here). lra.
Qed.

Section Linear.
Context {U V W : space}.

Lemma linear_then (f : U -> V) (g : V -> W) : linear f -> linear g -> linear (fun y => g (f y)).
Proof.
  intros lin lin'. split.
  - intros u v. apply same_trans with (g (vadd (f u) (f v))); [apply (linear_same g lin'), lin | apply lin'].
  - intros s v. apply same_trans with (g (vscale s (f v))); [apply (linear_same g lin'), lin | apply lin'].
  - destruct (linear_bound _ lin) as [M [pos b]], (linear_bound _ lin') as [M' [pos' b']]. exists (M' * M). split; [now apply Rmult_le_pos |].
    intros v. apply Rle_trans with (1 := b' (f v)). rewrite Rmult_assoc. now apply Rmult_le_compat_l.
Qed.

Lemma linear_both (f : U -> V) (g : U -> W) : linear f -> linear g -> linear (fun y => (f y, g y) : Pair V W).
Proof.
  intros lin lin'. split.
  - intros u v. apply same_pair. split; [apply lin | apply lin'].
  - intros s v. apply same_pair. split; [apply lin | apply lin'].
  - destruct (linear_bound _ lin) as [M [pos b]], (linear_bound _ lin') as [M' [pos' b']]. exists (M + M'). split; [lra |].
    intros v. rewrite norm_pair, Rmult_plus_distr_r. cbn. now apply Rplus_le_compat.
Qed.
End Linear.

Lemma derivative_constant {V W : space} (k : W) (x : V) : derivative (fun _ => k) x (fun _ => vzero).
Proof.
  apply derivative_coordinates. split; [apply linear_constant_zero |].
  intros c here. apply small_ext with (fun _ => 0); [| apply small_zero]. intros. coords. ring.
Qed.

Lemma linear_sum {V W : space} (D E : V -> W) : linear D -> linear E -> linear (fun v => vadd (D v) (E v)).
Proof.
  intros dlin elin. split.
  - intros u v c here. coords. rewrite (linear_add _ dlin), (linear_add _ elin) by auto. coords. ring.
  - intros s v c here. coords. rewrite (linear_scale _ dlin), (linear_scale _ elin) by auto. coords. ring.
  - destruct (linear_bound _ dlin) as [M [mpos b]]. destruct (linear_bound _ elin) as [N [npos c]].
    exists (M + N). split; [lra |]. intros v. apply Rle_trans with (1 := norm_add _ _). specialize (b v). specialize (c v). lra.
Qed.

Lemma derivative_add {V W : space} (f g : V -> W) x D E :
  derivative f x D -> derivative g x E -> derivative (fun y => vadd (f y) (g y)) x (fun v => vadd (D v) (E v)).
Proof.
  rewrite !derivative_coordinates. intros [dlin h] [elin k]. split; [now apply linear_sum |].
  intros c here. eapply small_ext; [| apply (small_add x _ _ (h c here) (k c here))]. intros. coords. ring.
Qed.

Lemma derivative_sum {V W : space} {A} (l : list A) (f D : A -> V -> W) x :
  (forall i, In i l -> derivative (f i) x (D i)) -> derivative (fun y => vsum l (fun i => f i y)) x (fun v => vsum l (fun i => D i v)).
Proof.
  induction l; intros h; [apply (derivative_constant (vzero : W) x) |].
  apply (derivative_add (f a) (fun y => vsum l (fun i => f i y)) x (D a)); [| apply IHl; intros]; apply h; simpl; auto.
Qed.

Lemma derivative_pair {U V W : space} (f : U -> V) (g : U -> W) x D E :
  derivative f x D -> derivative g x E -> derivative (fun y => (f y, g y) : Pair V W) x (fun v => (D v, E v)).
Proof.
  rewrite !derivative_coordinates. intros [dlin h] [elin k]. split.
  - split.
    + intros u v. apply same_pair. split; [apply (linear_add _ dlin) | apply (linear_add _ elin)].
    + intros s v. apply same_pair. split; [apply (linear_scale _ dlin) | apply (linear_scale _ elin)].
    + destruct (linear_bound _ dlin) as [M [mpos b]]. destruct (linear_bound _ elin) as [N [npos c]].
      exists (M + N). split; [lra |]. intros v. rewrite norm_pair. specialize (b v). specialize (c v). cbn. lra.
  - intros c. cbn. rewrite in_app_iff, !in_map_iff. intros [[d [<- here]] | [d [<- here]]]; auto.
Qed.

(* Of an array, entry by entry. *)
Lemma derivative_power {V W : space} (A : indices) (f : A -> V -> W) x (D : A -> V -> W) :
  (forall i, In i A -> derivative (f i) x (D i)) -> derivative (fun y => (fun i => f i y) : Power A W) x (fun v i => D i v).
Proof.
  intros h. assert (lin : forall i, In i A -> linear (D i)) by (intros; now apply h).
  apply derivative_coordinates. split.
  - apply linear_coordinates. intros c. cbn. rewrite in_flat_map. intros [i [listed e]]. apply in_map_iff in e. destruct e as [d [<- here]].
    repeat split; intros.
    + rewrite (linear_add _ (lin i listed)) by auto. now coords.
    + rewrite (linear_scale _ (lin i listed)) by auto. now coords.
    + destruct (linear_bound _ (lin i listed)) as [M [mpos b]]. exists M. split; auto. intros v.
      apply Rle_trans with (2 := b v). now apply coordinate_norm.
  - intros c. cbn. rewrite in_flat_map. intros [i [listed e]]. apply in_map_iff in e. destruct e as [d [<- here]].
    specialize (h i listed). apply derivative_coordinates in h. apply h. auto.
Qed.

(* The product rule. *)
Lemma derivative_mul {V : space} (f g : V -> Real) x D E :
  derivative f x D -> derivative g x E -> derivative (fun y => f y * g y : Real) x (fun v => D v * g x + f x * E v).
Proof.
  intros df dg. destruct (derivative_lipschitz _ _ _ df) as [K [d [kpos [dpos lipf]]]].
  destruct (derivative_lipschitz _ _ _ dg) as [L [e [lpos [epos lipg]]]].
  apply derivative_coordinates in df, dg. destruct df as [dlin h], dg as [elin k].
  assert (here : In (fun r : Real => r) (coordinates Real)) by (simpl; auto).
  specialize (h _ here). specialize (k _ here).
  apply derivative_coordinates. split.
  - apply linear_coordinates. intros c [<- | []]. repeat split.
    + intros u v. rewrite (linear_add _ dlin u v _ here), (linear_add _ elin u v _ here). simpl. ring.
    + intros s v. rewrite (linear_scale _ dlin s v _ here), (linear_scale _ elin s v _ here). simpl. ring.
    + destruct (linear_bound _ dlin) as [M [mpos b]]. destruct (linear_bound _ elin) as [N [npos c]].
      exists (M * Rabs (g x) + Rabs (f x) * N). pose proof (Rabs_pos (g x)). pose proof (Rabs_pos (f x)). split.
      * apply Rplus_le_le_0_compat; apply Rmult_le_pos; auto.
      * intros v. specialize (b v). specialize (c v). rewrite norm_real in b, c. apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult.
        apply Rmult_le_compat_r with (r := Rabs (g x)) in b; auto. apply Rmult_le_compat_l with (r := Rabs (f x)) in c; auto. lra.
  - intros c [<- | []].
    apply small_ext with (fun y => g x * (f y - f x - D (vsub y x)) + (f x * (g y - g x - E (vsub y x)) + (f y - f x) * (g y - g x)));
      [intros; ring |].
    apply small_add; [now apply small_scale | apply small_add; [now apply small_scale |]].
    intros eps pos. exists (Rmin (Rmin d e) (eps / (K * L))).
    assert (klpos : 0 < K * L) by now apply Rmult_lt_0_compat.
    split; [repeat apply Rmin_pos; auto; now apply Rdiv_lt_0_compat |]. intros y near.
    assert (n0 : norm (vsub y x) < d) by (apply Rlt_le_trans with (1 := near); eapply Rle_trans; [apply Rmin_l | apply Rmin_l]).
    assert (n1 : norm (vsub y x) < e) by (apply Rlt_le_trans with (1 := near); eapply Rle_trans; [apply Rmin_l | apply Rmin_r]).
    assert (n2 : norm (vsub y x) < eps / (K * L)) by (apply Rlt_le_trans with (1 := near); apply Rmin_r).
    specialize (lipf y n0). specialize (lipg y n1). rewrite norm_real in lipf, lipg.
    replace (Rabs (vsub (f y : Real) (f x))) with (Rabs (f y - f x)) in lipf by (f_equal; cbn; ring).
    replace (Rabs (vsub (g y : Real) (g x))) with (Rabs (g y - g x)) in lipg by (f_equal; cbn; ring).
    pose proof (norm_nonneg (vsub y x)) as npos. rewrite Rabs_mult.
    apply Rle_trans with (K * norm (vsub y x) * (L * norm (vsub y x))); [apply Rmult_le_compat; auto using Rabs_pos |].
    replace (K * norm (vsub y x) * (L * norm (vsub y x))) with (K * L * norm (vsub y x) * norm (vsub y x)) by ring.
    apply Rmult_le_compat_r; auto. apply Rmult_lt_compat_l with (r := K * L) in n2; auto.
    replace (K * L * (eps / (K * L))) with eps in n2 by (field; lra). lra.
Qed.

(* A function of one number: the derivative of school. *)
Lemma derivative_number (f : R -> R) x l : derivable_pt_lim f x l <-> derivative (f : Real -> Real) x (fun v => l * v).
Proof.
  assert (abs : forall y, norm (vsub (y : Real) x) = Rabs (y - x)) by (intros; rewrite norm_real; f_equal; cbn; ring).
  rewrite derivative_coordinates. split.
  - intros h. split.
    + apply linear_coordinates. intros c [<- | []]. repeat split; intros; cbn; try ring.
      exists (Rabs l). split; auto using Rabs_pos. intros v. rewrite norm_real, Rabs_mult. lra.
    + intros c [<- | []] eps pos. destruct (h eps pos) as [d b]. exists d. split; [apply cond_pos |]. intros y.
      rewrite abs. intros near. destruct (Req_dec y x) as [-> | far].
      * replace (f x - f x - l * vsub (x : Real) x) with 0 by (cbn; ring). rewrite Rabs_R0. apply Rmult_le_pos; [lra | apply Rabs_pos].
      * assert (e : x + ((y : R) - x) = y) by ring. specialize (b (y - x)). rewrite e in b.
        replace (f y - f x - l * vsub (y : Real) x) with (((f y - f x) / (y - x) - l) * (y - x)) by (cbn; field; intros z; apply far; lra).
        rewrite Rabs_mult. apply Rmult_le_compat_r; auto using Rabs_pos. left. apply b; [lra | exact near].
  - intros [_ h] eps pos. destruct (h (fun r => r)) with (eps := eps / 2) as [d [dpos b]]; [simpl; auto | lra |].
    exists (mkposreal d dpos). intros y nonzero near. simpl in near. specialize (b (x + y)).
    rewrite abs in b. replace (x + y - x) with y in b by ring. specialize (b near).
    replace (vsub (x + y : Real) x : R) with y in b by (cbn; ring).
    replace ((f (x + y) - f x) / y - l) with ((f (x + y) - f x - l * y) / y) by (field; auto).
    unfold Rdiv. rewrite Rabs_mult, Rabs_inv.
    assert (0 < Rabs y) by now apply Rabs_pos_lt.
    apply Rmult_lt_reg_r with (Rabs y); auto. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_lt_trans with (1 := b). apply Rmult_lt_compat_r; auto. lra.
Qed.

(* Along a straight path through x, s at x being s0, the derivative is that of school. *)
Lemma derivative_along {V : space} (f : V -> Real) x D (path : R -> V) s0 v :
  derivative f x D -> (forall s, same (vsub (path s) x) (vscale (s - s0) v)) -> derivable_pt_lim (fun s => f (path s)) s0 (D v).
Proof.
  intros [lin h] straight. apply derivative_number.
  assert (start : same (path s0) x).
  { intros c here. specialize (straight s0 c here). revert straight. coords. replace (s0 - s0) with 0 by ring. lra. }
  assert (f0 : f (path s0) = f x).
  { apply same_real, norm_zero_same. apply Rle_antisym; [| apply norm_nonneg].
    destruct (derivative_lipschitz f x D (conj lin h)) as [K [d [kpos [dpos b]]]].
    assert (z : norm (vsub (path s0) x) = 0) by (apply sum_zero_ext; intros c here; coords; rewrite start, Rminus_diag_eq, Rabs_R0; auto).
    specialize (b (path s0)). rewrite z in b. specialize (b dpos). lra. }
  split.
  - apply linear_coordinates. intros c [<- | []]. repeat split; intros; cbn; try ring.
    exists (Rabs (D v)). split; auto using Rabs_pos. intros. rewrite norm_real, Rabs_mult. lra.
  - intros eps pos. pose proof (norm_nonneg v) as vpos.
    destruct (h (eps / (norm v + 1))) as [d [dpos b]]; [apply Rdiv_lt_0_compat; lra |].
    exists (d / (norm v + 1)). split; [apply Rdiv_lt_0_compat; lra |]. intros s.
    assert (dist : norm (vsub (path s) x) = Rabs (s - s0) * norm v) by now rewrite (norm_same _ _ (straight s)), norm_scale.
    rewrite !norm_real. replace (vsub (s : Real) s0 : R) with (s - s0) by (cbn; ring). intros near.
    apply Rmult_lt_compat_r with (r := norm v + 1) in near; [| lra].
    replace (d / (norm v + 1) * (norm v + 1)) with d in near by (field; lra).
    specialize (b (path s)). rewrite dist in b. pose proof (Rabs_pos (s - s0)) as spos.
    assert (close : Rabs (s - s0) * norm v < d) by lra. specialize (b close). rewrite norm_real in b.
    replace (vsub (vsub (f (path s) : Real) (f (path s0))) (D v * (s - s0)) : R) with (vsub (vsub (f (path s) : Real) (f x)) (D (vsub (path s) x)) : R).
    + apply Rle_trans with (1 := b). replace (eps * Rabs (s - s0)) with (eps / (norm v + 1) * (Rabs (s - s0) * (norm v + 1))) by (field; lra).
      apply Rmult_le_compat_l; [left; apply Rdiv_lt_0_compat; lra | apply Rmult_le_compat_l; lra].
    + rewrite f0. replace (D (vsub (path s) x)) with ((s - s0) * D v); [cbn; ring |].
      symmetry. apply same_real. apply same_trans with (D (vscale (s - s0) v)); [now apply linear_same | apply (linear_scale _ lin)].
Qed.
